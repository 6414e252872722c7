"""AVDigits: degraded handwritten digits paired with spoken ones."""
from typing import Dict, Optional, Sequence

import numpy as np
import torch

from mmbalance_plugin.registry import DATASETS

from . import av_digits_synthesis as synthesis
from .array_dataset import Arrays
from .prepare.av_digits import DATASET, LAYOUT
from .prepared_array_dataset import PreparedArrayDataset

PAIRS = dict(train=8000, val=2000, test=2000)
SHARES = dict(train=.8, val=.1, test=.1)


@DATASETS.register_module()
class AVDigitsDataset(PreparedArrayDataset):
    """MNIST images and spoken digits (FSDD), paired by class.

    Images are rebuilt from a few principal components (fitted on training
    images), recordings are MFCC with added noise, drawn once for every
    pair: both modalities know part of the answer. Both are standardised
    with statistics of the training split. Images and recordings are split
    before they are paired; no image or recording is in two splits, and
    MNIST's test images are only in the test split.

    The data set was chosen because it is imbalanced, and 300 recordings
    back all pairs of val and of test (``ids['recording']`` says which):
    confidence intervals must be clustered by recording. See
    docs/datasets/av_digits.md.

    Args:
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        modalities (Sequence[str]): 'audio' (float32 ``(1, 13, frames)``)
            and/or 'visual' (float32 ``(1, 28, 28)``). Defaults to both.
        n_pairs (int, optional): Pairs in the split. Defaults to None: 8000
            for train, 2000 for val and for test.
        n_components (int, optional): Principal components of the images
            that are kept, at most 64; None keeps the images as they are.
            Defaults to 6.
        audio_noise_std (float): Deviation of the noise on standardised
            MFCC. Defaults to 3.0.
        visual_noise_std (float): Deviation of the noise on standardised
            pixels. Defaults to 0.
        frames (int): Frames a recording is resampled to. Defaults to 32.
        kwargs: See :class:`PreparedArrayDataset`; ``seed`` is that of
            splits, pairing and noise.
    """

    NAME, LAYOUT = DATASET, LAYOUT
    METAINFO = dict(classes=tuple(str(digit) for digit in range(10)))
    MODALITIES = ('audio', 'visual')

    def __init__(self,
                 split: str = 'train',
                 modalities: Sequence[str] = MODALITIES,
                 n_pairs: Optional[int] = None,
                 n_components: Optional[int] = 6,
                 audio_noise_std: float = 3.0,
                 visual_noise_std: float = 0.,
                 frames: int = 32,
                 **kwargs) -> None:
        if n_components is not None and not 0 < n_components <= 64:
            raise ValueError(f'n_components={n_components}: expected 1 to '
                             '64, or None for whole images.')
        self.n_pairs = n_pairs
        self.n_components = n_components
        self.frames = frames
        super().__init__(
            split,
            modalities,
            noise_std=dict(audio=audio_noise_std, visual=visual_noise_std),
            **kwargs)

    def load_arrays(self) -> Arrays:
        """Pair the split's images and recordings."""
        labels = synthesis.pair_labels(self.n_pairs or PAIRS[self.split], 10,
                                       self._generator('labels'))
        make = dict(audio=self._audio, visual=self._visual)
        inputs: Dict[str, torch.Tensor] = {}
        ids: Dict[str, np.ndarray] = {}
        for modality in self.modalities:
            samples = make[modality](labels, ids)
            noisy = synthesis.add_noise(samples, self.noise_std[modality],
                                        self._generator('noise', modality))
            inputs[modality] = torch.from_numpy(noisy[:, None])
        return Arrays(inputs, torch.from_numpy(labels), ids,
                      dict(recording='audio', image='visual'))

    def _audio(self, wanted: np.ndarray, ids: Dict) -> np.ndarray:
        labels = self.load('fsdd_labels')
        recordings = synthesis.resample_frames(
            self.load('fsdd_mfcc'), self.load('fsdd_lengths'), self.frames)
        parts = synthesis.split_by_class(
            labels, SHARES, self.generator('recordings'))
        mean, std = synthesis.channel_statistics(recordings[parts['train']])
        own = parts[self.split]
        drawn = own[synthesis.draw_members(wanted, labels[own],
                                           self._generator('audio'))]
        ids['recording'] = drawn
        return (recordings[drawn] - mean) / std

    def _visual(self, wanted: np.ndarray, ids: Dict) -> np.ndarray:
        labels = self.load(f'mnist_{self.split}_labels')
        drawn = synthesis.draw_members(wanted, labels,
                                       self._generator('visual'))
        ids['image'] = drawn
        train = self.load('mnist_train_scores')[:, :self.n_components]
        average = self.load('mnist_mean')
        mean, std = synthesis.reconstruction_statistics(train, average)
        if self.n_components is None:
            images = self.load(f'mnist_{self.split}_images')[drawn]
            images = images.astype(np.float32) / 255
        else:
            own = self.load(f'mnist_{self.split}_scores')
            images = synthesis.reconstruct(
                own[drawn, :self.n_components], average,
                self.load('mnist_components')[:self.n_components])
        images = images.reshape(-1, 28, 28)
        return (images - np.float32(mean)) / np.float32(std)

    def _generator(self, *ids) -> np.random.Generator:
        return self.generator(self.split, *ids)
