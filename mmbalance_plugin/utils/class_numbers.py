"""Labels that are class numbers, and values that only look like it."""
from typing import Any, Optional

import numpy as np
import torch


def integers(labels: Any, owner: str) -> np.ndarray:
    """Check that labels are whole numbers of an integer type.

    Args:
        labels (Any): A number, or a tensor, array or sequence of them.
        owner (str): What they are, for the message: 'labels of ...'.

    Returns:
        np.ndarray: The same, flat.

    Raises:
        ValueError: They are not; names the first that is none. Conversion
            would cut .9 to class 0 and make True class 1.
    """
    if isinstance(labels, torch.Tensor):
        labels = labels.detach().cpu().numpy()
    try:
        array = np.asarray(labels).reshape(-1)
    except ValueError:  # lists of unequal lengths
        array = np.array([None])
    if array.dtype.kind in 'iu':
        return array
    index = 0
    if array.dtype.kind == 'f':  # NaN is no whole number, either
        index = int((array != np.floor(array)).argmax())
    wrong = ', '.join(map(str, array[index:index + 1]))
    raise ValueError(
        f'{owner} must be class numbers, that is integers, but number '
        f'{index} is {wrong} ({array.dtype}); convert them where they are '
        'made (numbers that are no classes, regression, are not supported)')


def indicators(labels: Any, owner: str) -> np.ndarray:
    """Check that labels are zeros and ones, one for each class.

    Args:
        labels (Any): A tensor or array (..., C).
        owner (str): What they are, for the message: 'labels of ...'.

    Returns:
        np.ndarray: The same.

    Raises:
        ValueError: They are not; names the first that is none.
    """
    array = np.asarray(labels)
    wrong = array[(array != 0) & (array != 1)]
    if len(wrong):
        raise ValueError(
            f'{owner} must be 0 or 1 for each class, where a sample has '
            f'several, but one is {wrong[0]}')
    return array


def class_numbers(labels: Any,
                  owner: str,
                  num_classes: Optional[int] = None) -> np.ndarray:
    """Check that labels are numbers of classes.

    Args:
        labels (Any): A number, or a tensor, array or sequence of them.
        owner (str): What they are, for the message: 'labels of ...'.
        num_classes (int, optional): How many classes there are. Defaults to
            None: not known.

    Returns:
        np.ndarray: The same, flat.

    Raises:
        ValueError: They are no integers, or negative, or there is no such
            class; names the first of them.
    """
    array = integers(labels, owner)
    bad = array < 0
    if num_classes is not None:
        bad |= array >= num_classes
    if bad.any():
        index = int(bad.argmax())
        classes = '' if num_classes is None else (
            f' of the {num_classes} classes 0 to {num_classes - 1}')
        raise ValueError(
            f'{owner} must be class numbers, but number {index} is '
            f'{array[index]}, which is none{classes}')
    return array
