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
                 device: Optional[torch.device] = None) -> Tensor:
    """Labels of a batch as one tensor, moved to the device once.

    Args:
        data_samples (Sequence[ActionDataSample]): Samples with ``gt_label``
            of shape (1, ).
        num_classes (int): Number of classes. Labels that are still on the
            CPU are checked against it; on a GPU that would stall it.
        device (torch.device, optional): Where to put the labels. Defaults to
            None: where they are.

    Returns:
        Tensor: Integers of shape (B, ).

    Raises:
        ValueError: Labels are missing, not one a sample, not integers, or
            out of range.
    """
    if not data_samples:
        raise ValueError('the loss needs data_samples with labels, but got '
                         f'{data_samples!r}')
    if (isinstance(data_samples, SampleBatch) and data_samples.untouched
            and data_samples.labels.dtype in INTEGERS):
        targets = data_samples.labels.long()
    else:
        targets = torch.cat(_integers(data_samples)).long()
    if targets.device.type == 'cpu':
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
                'is needed (multi-label targets and label mixing are not '
                'supported)')
        if label.dtype not in INTEGERS:
            raise ValueError(
                f'{name_of(data_samples, index)} has label {label.item():g} '
                f'({label.dtype}); a class number is an integer')
        labels.append(label.reshape(1))
    return labels
