"""MNIST halves: the top and the bottom of one handwritten digit."""
from typing import Optional, Sequence

import numpy as np
import torch

from mmbalance_plugin.registry import DATASETS

from .array_dataset import Arrays
from .prepared_array_dataset import PreparedArrayDataset

SAMPLES = dict(train=3000, val=2000, test=10000)
ROWS = dict(top=slice(14), bottom=slice(14, 28))
# Of MNIST's training images, as everybody has them.
MEAN, STD = np.float32(.1307), np.float32(.3081)


@DATASETS.register_module()
class MNISTHalvesDataset(PreparedArrayDataset):
    """Rows 0 to 13 and rows 14 to 27 of each MNIST image, as two modalities.

    They are paired by nature: one stroke of the pen runs through both.
    Training samples are drawn from the first 50,000 of MNIST's training
    images, validation samples from its last 10,000, and the test samples are
    its test images.

    Args:
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        modalities (Sequence[str]): 'top' and/or 'bottom', float32
            ``(1, 14, 28)`` each, standardised by MNIST's mean and deviation.
            Defaults to both.
        n_samples (int, optional): Images of the split that are used, drawn
            with ``seed``; those of a smaller number are among those of a
            larger one. Defaults to None: 3,000 to train, 2,000 to validate
            and all 10,000 to test.
        kwargs: See :class:`PreparedArrayDataset`.
    """

    NAME = 'mnist_halves'
    METAINFO = dict(classes=tuple(str(digit) for digit in range(10)))
    MODALITIES = tuple(ROWS)

    def __init__(self,
                 split: str = 'train',
                 modalities: Sequence[str] = MODALITIES,
                 n_samples: Optional[int] = None,
                 **kwargs) -> None:
        self.n_samples = n_samples
        super().__init__(split, modalities, **kwargs)

    def load_arrays(self) -> Arrays:
        """Draw the split's images and cut them in two."""
        images, labels = (self.load(f'{self.split}_{kind}')
                          for kind in ('images', 'labels'))
        count = self.n_samples or SAMPLES[self.split]
        if not 0 < count <= len(labels):
            raise ValueError(f'n_samples={count}: {self.split} has 1 to '
                             f'{len(labels)}.')
        own = self.generator('order', self.split).permutation(
            len(labels))[:count]
        pixels = (images[own, None] / np.float32(255) - MEAN) / STD
        inputs = {m: self.noisy(m, pixels[:, :, ROWS[m]].copy())
                  for m in self.modalities}
        return Arrays(inputs, torch.from_numpy(labels[own].astype(np.int64)),
                      dict(image=own))
