"""What the data sets that ``tools/prepare_data.py`` writes have in common."""
from typing import Dict, Optional, Sequence, Tuple

import numpy as np
import torch

from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.streams import stream_seed

from .array_dataset import ArrayDataset, Arrays
from .av_digits_synthesis import add_noise
from .prepare.store import load_array

SPLITS = ('train', 'val', 'test')


class PreparedArrayDataset(ArrayDataset):
    """A split of a data set of prepared arrays.

    A subclass sets the class attributes and says in :meth:`parts` which
    samples each split has. They are given in random order, and standardised:
    mean and deviation are those of the training samples, one for each place
    of the axes that are not named in ``AXES``.

    Everything is a function of the arguments; the samples, labels and order
    do not depend on which modalities are asked for.

    Args:
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        modalities (Sequence[str], optional): Some of ``MODALITIES``.
            Defaults to None: all.
        data_root (str, optional): Folder that ``tools/prepare_data.py``
            wrote. Defaults to None: 'data/<name>'.
        noise_std (Dict[str, float], optional): Deviation of noise on some
            standardised modalities, drawn once for every sample of every
            split. Defaults to None: no noise.
        seed (int): Seed of the split, the order and the noise. Defaults to
            0.
        kwargs: See :class:`ArrayDataset`.

    Raises:
        PreparedDataError: If a prepared file is missing or damaged; names
            it and the command that mends it.
    """

    #: Name that ``tools/prepare_data.py`` knows, and version of its layout.
    NAME = ''
    LAYOUT = 1
    MODALITIES: Tuple[str, ...] = ()
    #: What the number of a sample in the source is called.
    SOURCE = 'source'
    #: What a mean and a deviation are taken over; 0 counts the samples.
    AXES: Tuple[int, ...] = (0, )

    def __init__(self,
                 split: str = 'train',
                 modalities: Optional[Sequence[str]] = None,
                 data_root: Optional[str] = None,
                 noise_std: Optional[Dict[str, float]] = None,
                 seed: int = 0,
                 **kwargs) -> None:
        require_choice('split', split, SPLITS)
        self.split = split
        self.modalities = check_modalities(
            self.MODALITIES if modalities is None else modalities,
            self.MODALITIES)
        self.noise_std = dict(noise_std or {})
        unknown = sorted(set(self.noise_std) - set(self.MODALITIES))
        if unknown:
            raise ValueError(f'noise_std names {unknown}: expected ones of '
                             f'{self.MODALITIES}.')
        self.seed = seed
        super().__init__(data_root=data_root or f'data/{self.NAME}', **kwargs)

    def parts(self, labels: np.ndarray) -> Dict[str, np.ndarray]:
        """Say which samples, by their positions, each split has."""
        raise NotImplementedError

    def sample_ids(self, own: np.ndarray) -> Dict[str, np.ndarray]:
        """Say what the samples at these positions were made from."""
        return {self.SOURCE: own}

    def samples(self, modality: str) -> np.ndarray:
        """All samples of a modality, ``(n, ...)``."""
        return self.load(modality)

    def load_arrays(self) -> Arrays:
        """Split the samples and standardise the modalities."""
        labels = self.load('labels').astype(np.int64)
        parts = self.parts(labels)
        # A file may be sorted by class; indices stay what they are called.
        own = self.generator('order', self.split).permutation(
            parts[self.split])
        inputs = {}
        for modality in self.modalities:
            values = self.samples(modality)
            train = values[parts['train']].astype(np.float64)
            mean = train.mean(self.AXES, keepdims=True)
            std = train.std(self.AXES, keepdims=True)
            scaled = (values[own] - mean) / std
            inputs[modality] = self.noisy(modality, scaled.astype(np.float32))
        return Arrays(inputs, torch.from_numpy(labels[own]),
                      self.sample_ids(own))

    def noisy(self, modality: str, samples: np.ndarray) -> torch.Tensor:
        """Add the noise that a modality is to have."""
        std = self.noise_std.get(modality, 0.)
        if std and samples.dtype.kind in 'biu':
            raise ValueError(f"noise_std names '{modality}', whose samples "
                             'are integers: there is no noise on those')
        return torch.from_numpy(add_noise(
            samples, std, self.generator('noise', self.split, modality)))

    def generator(self, *ids) -> np.random.Generator:
        """Generator of a named stream of this data set."""
        return np.random.default_rng(stream_seed(self.seed, self.NAME, *ids))

    def load(self, name: str) -> np.ndarray:
        """Load one of the prepared arrays."""
        return load_array(self.data_root, name, self.NAME, self.LAYOUT)


def check_modalities(modalities: Sequence[str],
                     known: Sequence[str]) -> Tuple[str, ...]:
    """Return the modalities as a tuple, or say which are wrong."""
    modalities = tuple(modalities)
    unknown = [m for m in modalities if m not in known]
    if unknown or not modalities or len(set(modalities)) < len(modalities):
        raise ValueError(f'modalities={modalities}: expected one or more '
                         f'different ones of {tuple(known)}.')
    return modalities


def circular_folds(pieces: np.ndarray, fold: int) -> Dict[str, np.ndarray]:
    """Test on one piece of the samples, validate on the next.

    Args:
        pieces (ndarray): Piece of each sample, from 0, ``(n, )``.
        fold (int): The piece to test on; those after it validate, the last
            one is followed by the first.

    Returns:
        Dict[str, ndarray]: Split -> positions of its samples.
    """
    val = pieces == (fold + 1) % (pieces.max() + 1)
    test = pieces == fold
    return {split: np.flatnonzero(chosen) for split, chosen in dict(
        train=~val & ~test, val=val, test=test).items()}
