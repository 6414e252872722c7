"""Made-up samples, for measuring time where no data set is prepared."""
from typing import Sequence

import torch

from mmbalance_plugin.datasets.array_dataset import ArrayDataset, Arrays
from mmbalance_plugin.registry import DATASETS


@DATASETS.register_module()
class SyntheticDataset(ArrayDataset):
    """Random tensors and labels, the same for the same arguments.

    Args:
        n_samples (int): How many. Defaults to 1024.
        modalities (Sequence[str]): Their names. Defaults to ('audio',
            'visual').
        shape (Sequence[int]): Of one sample, alike for all modalities.
            Defaults to (1, 28, 28).
        num_classes (int): Labels are below. Defaults to 10.
        kwargs: See :class:`ArrayDataset`.
    """

    def __init__(self,
                 n_samples: int = 1024,
                 modalities: Sequence[str] = ('audio', 'visual'),
                 shape: Sequence[int] = (1, 28, 28),
                 num_classes: int = 10,
                 **kwargs) -> None:
        self.n_samples = n_samples
        self.modalities = tuple(modalities)
        self.shape = tuple(shape)
        self.num_classes = num_classes
        super().__init__(**kwargs)

    def load_arrays(self) -> Arrays:
        """Draw everything."""
        generator = torch.Generator().manual_seed(0)
        inputs = {
            m: torch.randn(self.n_samples, *self.shape, generator=generator)
            for m in self.modalities
        }
        return Arrays(
            inputs,
            torch.randint(
                self.num_classes, (self.n_samples, ), generator=generator))
