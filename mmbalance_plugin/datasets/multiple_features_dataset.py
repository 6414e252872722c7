"""UCI Multiple Features: six aligned views of handwritten numerals."""
from typing import Dict, Optional, Sequence

import numpy as np
import torch

from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils import stream_seed

from .array_dataset import ArrayDataset, Arrays
from .av_digits_synthesis import (
    add_noise,
    check_modalities,
    split_by_class,
)
from .prepare.multiple_features import DATASET, LAYOUT, VIEWS
from .prepare.store import load_array

SHARES = dict(train=.6, val=.2, test=.2)


@DATASETS.register_module()
class MultipleFeaturesDataset(ArrayDataset):
    """2,000 handwritten numerals, each described by up to six views.

    The set for three and more modalities, of very unequal strength. Every
    view is standardised with the mean and deviation of each feature over
    the training split. 1,200 / 400 / 400 samples, 120 / 40 / 40 of each
    class. The source has no official split and no writer ids, so writers
    are mixed between splits.

    Everything is a function of the arguments; the samples, labels and
    order do not depend on which views are asked for.

    Args:
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        modalities (Sequence[str]): Views, each a float32 vector: 'fac'
            (216 profile correlations), 'fou' (76 Fourier coefficients),
            'kar' (64 Karhunen-Loeve coefficients), 'mor' (6 morphological
            features), 'pix' (240 pixel averages), 'zer' (47 Zernike
            moments). Defaults to ('pix', 'fou', 'mor').
        data_root (str): Folder that
            ``tools/prepare_data.py multiple_features`` wrote. Defaults to
            'data/multiple_features'.
        noise_std (dict[str, float], optional): Deviation of noise on some
            standardised views, drawn once for every sample of every split.
            Defaults to None, no noise.
        seed (int): Seed of the split, the order and the noise. Defaults to
            0.
        kwargs: See :class:`ArrayDataset`.

    Raises:
        PreparedDataError: If a prepared file is missing or damaged; names
            it and the command that mends it.
    """

    METAINFO = dict(classes=tuple(str(digit) for digit in range(10)))

    def __init__(self,
                 split: str = 'train',
                 modalities: Sequence[str] = ('pix', 'fou', 'mor'),
                 data_root: str = 'data/multiple_features',
                 noise_std: Optional[Dict[str, float]] = None,
                 seed: int = 0,
                 **kwargs) -> None:
        if split not in SHARES:
            raise ValueError(f'split={split!r}: expected one of '
                             f'{tuple(SHARES)}.')
        self.split = split
        self.modalities = check_modalities(modalities, tuple(VIEWS))
        self.noise_std = dict(noise_std or {})
        unknown = sorted(set(self.noise_std) - set(VIEWS))
        if unknown:
            raise ValueError(f'noise_std names {unknown}: expected ones of '
                             f'{tuple(VIEWS)}.')
        self.seed = seed
        super().__init__(data_root=data_root, **kwargs)

    def load_arrays(self) -> Arrays:
        """Split the samples and standardise the views."""
        labels = self._load('labels').astype(np.int64)
        parts = split_by_class(labels, SHARES, self._generator('split'))
        # The file is sorted by class; indices stay what they are called.
        own = self._generator('order', self.split).permutation(
            parts[self.split])
        inputs = {}
        for view in self.modalities:
            values = self._load(view)
            train = values[parts['train']].astype(np.float64)
            scaled = (values[own] - train.mean(0)) / train.std(0)
            inputs[view] = torch.from_numpy(
                add_noise(
                    scaled.astype(np.float32), self.noise_std.get(view, 0.),
                    self._generator('noise', self.split, view)))
        return Arrays(inputs, torch.from_numpy(labels[own]), dict(numeral=own))

    def _generator(self, *ids) -> np.random.Generator:
        return np.random.default_rng(
            stream_seed(self.seed, 'multiple_features', *ids))

    def _load(self, name: str) -> np.ndarray:
        return load_array(self.data_root, name, DATASET, LAYOUT)
