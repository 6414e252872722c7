"""Reading the labels of a batch."""
from typing import List, Optional, Sequence

import torch
from torch import Tensor

from mmbalance_plugin.utils.eager import eager
from mmbalance_plugin.utils.sample_batch import SampleBatch, name_of
from mmbalance_plugin.utils.transfer import to_device

#: What a class number may be; others would be cut to one.
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


@eager
def stack_labels(data_samples: Optional[Sequence],
                 num_classes: int,
                 device: Optional[torch.device] = None,
                 multi_class: bool = False) -> Tensor:
    """Labels of a batch as one tensor, moved to the device once.

    Args:
        data_samples (Sequence[ActionDataSample]): Samples with ``gt_label``
            of shape (1, ), or (C, ) with ``multi_class``.
        num_classes (int): Number of classes. Labels that are still on the
            CPU are checked against it; on a GPU that would stall it.
        device (torch.device, optional): Where to put the labels. Defaults to
            None: where they are.
        multi_class (bool): Whether a sample has any number of labels.
            Defaults to False.

    Returns:
        Tensor: Integers of shape (B, ), or with ``multi_class`` zeros and
        ones of shape (B, C), float32.

    Raises:
        ValueError: Labels are missing, not one a sample, not integers, or
            out of range; or not C zeros and ones.
    """
    if not data_samples:
        raise ValueError('the loss needs data_samples with labels, but got '
                         f'{data_samples!r}')
    columns = None
    if isinstance(data_samples, SampleBatch) and data_samples.untouched:
        columns = data_samples.labels
    if multi_class:
        targets = _indicators(data_samples, columns, num_classes).float()
    elif columns is not None and columns.ndim == 1 and \
            columns.dtype in INTEGERS:
        targets = columns.long()
    else:
        targets = torch.cat(_integers(data_samples)).long()
    if not multi_class and targets.device.type == 'cpu':
        lowest, highest = targets.aminmax()
        if lowest < 0 or highest >= num_classes:
            wrong = (targets < 0) | (targets >= num_classes)
            index = int(wrong.nonzero()[0])
            raise ValueError(
                f'{name_of(data_samples, index)} has label '
                f'{int(targets[index])}, but the head has '
                f'num_classes={num_classes}')
    return targets if device is None else to_device(targets, device)


def _integers(data_samples: Sequence) -> List[Tensor]:
    labels = []
    for index, sample in enumerate(data_samples):
        label = getattr(sample, 'gt_label', None)
        if label is None or label.numel() != 1:
            found = 'no gt_label' if label is None else (
                f'a gt_label of shape {tuple(label.shape)}')
            raise ValueError(
                f'{name_of(data_samples, index)} has {found}; one class index '
                'is needed (for several labels set multi_class=True of the '
                'head, for blended ones blending of the recognizer)')
        if label.dtype not in INTEGERS:
            raise ValueError(
                f'{name_of(data_samples, index)} has label {label.item():g} '
                f'({label.dtype}); a class number is an integer')
        labels.append(label.reshape(1))
    return labels


def _indicators(data_samples: Sequence, columns: Optional[Tensor],
                num_classes: int) -> Tensor:
    """Zeros and ones (B, C), where they are."""
    if columns is None:
        found: list = [getattr(s, 'gt_label', None) for s in data_samples]
        shapes = [getattr(label, 'shape', None) for label in found]
        index = next((i for i, shape in enumerate(shapes)
                      if shape != (num_classes, )), None)
        if index is not None:
            shape = shapes[index]
            raise ValueError(
                f'{name_of(data_samples, index)} has ' +
                ('no gt_label' if shape is None else
                 f'a gt_label of shape {tuple(shape)}') +
                f'; the head has multi_class=True and needs {num_classes} '
                'zeros and ones (AudioVisualDataset gives them with '
                'multi_class=True)')
        columns = torch.stack(found)
    elif columns.shape[1:] != (num_classes, ):
        raise ValueError(
            f'the labels have shape {tuple(columns.shape)}, but the head has '
            f'multi_class=True and num_classes={num_classes}')
    if columns.device.type == 'cpu':
        wrong = (columns != 0) & (columns != 1)
        if wrong.any():
            index, label = wrong.nonzero()[0].tolist()
            raise ValueError(
                f'{name_of(data_samples, index)} has '
                f'{columns[index, label].item():g} for label {label}; with '
                'multi_class=True of the head each is 0 or 1')
    return columns
