"""CGMNIST: digits in gray, and in a colour that tells the class in training.
"""
from itertools import product
from typing import Sequence

import numpy as np
import torch

from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils.choices import require_choice

from .array_dataset import Arrays
from .mnist_halves_dataset import MEAN, STD
from .prepared_array_dataset import PreparedArrayDataset

CLASSES = tuple(str(digit) for digit in range(10))


def mean_colors(count: int = len(CLASSES)) -> np.ndarray:
    """Colours far from each other and from black, which is the background.

    Of the colours whose red, green and blue are each 0, a half or 1, the
    next is the one that is farthest from the nearest of those before it,
    black being the first; of several, the one with the least red, then
    green, then blue.

    Args:
        count (int): How many. Defaults to 10.

    Returns:
        ndarray: float32 ``(count, 3)`` in [0, 1], black not among them.
    """
    grid = np.array(list(product((0, .5, 1), repeat=3)), np.float32)
    nearest = (grid**2).sum(1)
    colors = []
    for _ in range(count):
        colors.append(grid[nearest.argmax()])
        nearest = np.minimum(nearest, ((grid - colors[-1])**2).sum(1))
    return np.stack(colors)


@DATASETS.register_module()
class CGMNISTDataset(PreparedArrayDataset):
    """MNIST in gray and, the same images, in one colour each.

    A training image's colour is drawn from N(mean, variance) of red, green
    and blue alike, cut to [0, 1], with a mean for each class
    (:func:`mean_colors`). A test image's mean is any of the ten, whatever
    the class: who follows the colour fails. The colour is multiplied by the
    gray value, so that the background stays black. It is drawn once for
    every image; another variance takes the same draws farther or less far
    from their means.

    The first 50,000 of MNIST's training images train, the last 10,000
    validate.

    Args:
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        modalities (Sequence[str]): 'gray' (float32 ``(1, 28, 28)``,
            standardised by MNIST's mean and deviation) and/or 'color'
            (float32 ``(3, 28, 28)`` in [0, 1]). Defaults to both.
        variance (float): Of red, green and blue. Defaults to 0.03, which is
            usual.
        selection (str): How the validation images are coloured, which
            decides what is selected: ``'iid'``, as those of training, or
            ``'target'``, by the rule of the test. Defaults to 'iid'.
        kwargs: See :class:`PreparedArrayDataset`.
    """

    NAME = 'cgmnist'
    METAINFO = dict(classes=CLASSES)
    MODALITIES = ('gray', 'color')

    def __init__(self,
                 split: str = 'train',
                 modalities: Sequence[str] = MODALITIES,
                 variance: float = .03,
                 selection: str = 'iid',
                 **kwargs) -> None:
        require_choice('selection', selection, ('iid', 'target'))
        if not 0 <= variance < float('inf'):
            raise ValueError(f'variance={variance}: expected 0 or more.')
        self.variance = variance
        self.selection = selection
        super().__init__(split, modalities, **kwargs)

    def load_arrays(self) -> Arrays:
        """Colour the split's images."""
        images, labels = (self.load(f'{self.split}_{kind}')
                          for kind in ('images', 'labels'))
        own = self.generator('order', self.split).permutation(len(labels))
        pixels = images[own, None] / np.float32(255)
        inputs = {}
        for modality in self.modalities:
            if modality == 'gray':
                values = (pixels - MEAN) / STD
            else:
                values = pixels * self._colors(labels)[own, :, None, None]
            inputs[modality] = self.noisy(modality, values)
        return Arrays(inputs, torch.from_numpy(labels[own].astype(np.int64)),
                      dict(image=own))

    def _colors(self, labels: np.ndarray) -> np.ndarray:
        """Of each image of the split, as the source has them, ``(n, 3)``."""
        rule = dict(train='iid', val=self.selection, test='target')
        means = labels
        if rule[self.split] == 'target':
            means = self.generator('mean', self.split).integers(
                len(CLASSES), size=len(labels))
        drawn = self.generator('color', self.split).standard_normal(
            (len(labels), 3), np.float32)
        scale = np.float32(self.variance**.5)
        return (mean_colors()[means] + scale * drawn).clip(0, 1)
