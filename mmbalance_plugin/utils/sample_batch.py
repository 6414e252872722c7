"""The samples of a batch, without an object for each."""
from functools import cached_property
from typing import Any, Dict, Iterator, List, Optional, Sequence

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor


class SampleBatch:
    """Samples as columns, which read as a sequence of samples.

    Objects are made when the first one is asked for: in evaluation and
    prediction, not in a training step. From then on they may have been
    changed, so they count, and the columns no longer do.

    Args:
        labels (Tensor): Class numbers, shape (B, ), or labels (B, C).
        metainfo (dict[str, Tensor | ndarray | list]): What else is known of
            each sample, B values.
    """

    def __init__(self, labels: Tensor, metainfo: Dict[str, Any]) -> None:
        self.labels = labels
        self.metainfo = metainfo

    @property
    def untouched(self) -> bool:
        """bool: Whether the columns say all there is to know."""
        return '_samples' not in self.__dict__

    @cached_property
    def _samples(self) -> List[ActionDataSample]:
        columns = {
            key: values if isinstance(values, list) else values.tolist()
            for key, values in self.metainfo.items()
        }
        samples = []
        for index, label in enumerate(per_sample(self.labels)):
            sample = ActionDataSample(metainfo={
                key: values[index]
                for key, values in columns.items()
            })
            samples.append(sample.set_gt_label(label))
        return samples

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> Any:
        return self._samples[index]

    def __iter__(self) -> Iterator[ActionDataSample]:
        return iter(self._samples)


def per_sample(labels: Tensor) -> Sequence[Tensor]:
    """What each sample has for ``gt_label``: (1, ), or (C, ) of labels (N, C).
    """
    return (labels if labels.ndim > 1 else labels[:, None]).unbind()


def name_of(samples: Optional[Sequence], index: int) -> str:
    """What messages call a sample of a batch: by its id, if it has one."""
    number = None if samples is None else getattr(samples[index],
                                                  'sample_idx', None)
    return f'sample {index} of the batch' if number is None else (
        f'the sample with sample_idx={number}')


def sample_ids(samples: Sequence) -> Tensor:
    """Positions of samples in their data set.

    Args:
        samples (Sequence[ActionDataSample]): With ``sample_idx``.

    Returns:
        Tensor: LongTensor (B, ), on the CPU.

    Raises:
        KeyError: A sample carries no ``sample_idx``.
    """
    if isinstance(samples, SampleBatch) and samples.untouched:
        known = samples.metainfo.get('sample_idx')
        if isinstance(known, Tensor):
            return known
    try:
        return torch.tensor([s.sample_idx for s in samples])
    except AttributeError:
        raise KeyError('samples carry no sample_idx; add it to meta_keys '
                       'of the packing transform') from None
