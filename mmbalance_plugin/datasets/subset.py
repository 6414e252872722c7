"""Which samples a subset takes."""
from collections.abc import Sequence as AnySequence
from typing import Any

import numpy as np
import torch


def positions(indices: Any, count: int) -> np.ndarray:
    """Turn MMEngine's ``indices`` into positions.

    Args:
        indices (int | Sequence[int]): The first (negative: last) so many
            samples, or the positions of those to take, in this order and as
            often as they are named; counted from the end if negative. NumPy
            and torch integers will do.
        count (int): How many samples there are.

    Returns:
        ndarray: int64, in [0, count).

    Raises:
        TypeError: ``indices`` are neither.
        IndexError: There are fewer samples.
    """
    if isinstance(indices, (torch.Tensor, np.ndarray)):
        indices = indices.tolist()
    if isinstance(indices, (int, np.integer)) and not isinstance(
            indices, bool):
        if abs(indices) > count:
            raise IndexError(f'indices={indices} asks for {abs(indices)} of '
                             f'{count} samples')
        start, stop = (0, indices) if indices >= 0 else (count + indices,
                                                         count)
        return np.arange(start, stop)
    listed = np.asarray(
        indices if isinstance(indices, AnySequence) else None)
    if listed.ndim != 1 or (len(listed) and listed.dtype.kind not in 'iu'):
        raise TypeError('indices must be a number of samples or a list of '
                        f'positions, but got {indices!r}')
    listed = listed.astype(np.int64)
    outside = listed[(listed < -count) | (listed >= count)]
    if len(outside):
        raise IndexError(f'indices name sample {outside[0]} of {count}')
    return listed % count if count else listed
