"""HTAD: activities at home, heard and felt at the wrist."""
from typing import Dict, Sequence

import numpy as np

from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils.choices import require_choice

from .prepare.htad import CLASSES, DATASET
from .prepared_array_dataset import PreparedArrayDataset, circular_folds

FOLDS = dict(block=3, random=5)


@DATASETS.register_module()
class HTADDataset(PreparedArrayDataset):
    """A microphone's and an accelerometer's features of seven activities.

    1,386 windows. Every feature is standardised by its mean and deviation
    over the training split; that is part of the protocol, as methods differ
    by it. Two protocols, whose numbers do not compare:

    * ``'block'``: the file has three blocks of recordings, each with all
      activities. Fold k tests on block k; the last fifth of each activity in
      each other block validates, what is before it trains. Blocks differ
      more than methods: show differences block by block.
    * ``'random'``: windows are dealt into five parts of like classes. Fold k
      tests on part k and validates on the next one. Windows of one recording
      are in all of them, so that this is the easier protocol.

    Windows of one recording are alike: intervals must be clustered by
    ``ids['group']``, the run of windows of one activity. ``ids['block']`` is
    0 to 2.

    Args:
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        modalities (Sequence[str]): 'audio' (float32 ``(36, )``: 12 MFCC in
            each of three parts of the window) and/or 'accelerometer'
            (float32 ``(16, )``: statistics of the three axes). Defaults to
            both.
        protocol (str): 'block' or 'random'. Defaults to 'block'.
        fold (int): 0 to 2 by block, 0 to 4 at random. Defaults to 0.
        kwargs: See :class:`PreparedArrayDataset`.
    """

    NAME, SOURCE = DATASET, 'window'
    METAINFO = dict(classes=CLASSES)
    MODALITIES = ('audio', 'accelerometer')

    def __init__(self,
                 split: str = 'train',
                 modalities: Sequence[str] = MODALITIES,
                 protocol: str = 'block',
                 fold: int = 0,
                 **kwargs) -> None:
        require_choice('protocol', protocol, FOLDS)
        require_choice('fold', fold, range(FOLDS[protocol]))
        self.protocol = protocol
        self.fold = fold
        super().__init__(split, modalities, **kwargs)

    def parts(self, labels: np.ndarray) -> Dict[str, np.ndarray]:
        """Split by the protocol."""
        if self.protocol == 'random':
            # Dealt in turns, class after class.
            mixed = self.generator('random').permutation(len(labels))
            dealt = mixed[np.argsort(labels[mixed], kind='stable')]
            pieces = np.empty_like(labels)
            pieces[dealt] = np.arange(len(labels)) % FOLDS['random']
            return circular_folds(pieces, self.fold)
        block = self.load('block')
        late = np.zeros(len(labels), bool)
        for key in np.unique(block * len(CLASSES) + labels):
            rows = np.flatnonzero(block * len(CLASSES) + labels == key)
            late[rows[int(.8 * len(rows)):]] = True
        test = block == self.fold
        return {split: np.flatnonzero(chosen) for split, chosen in dict(
            train=~test & ~late, val=~test & late, test=test).items()}

    def sample_ids(self, own: np.ndarray) -> Dict[str, np.ndarray]:
        """Window, recording and block."""
        return dict(
            super().sample_ids(own),
            group=self.load('recording')[own],
            block=self.load('block')[own])
