"""Watch: shoulder exercises, felt by two sensors of a smartwatch."""
from typing import Dict, Sequence

import numpy as np

from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils.choices import require_choice

from .prepare.watch import CLASSES, DATASET, SUBJECTS
from .prepared_array_dataset import PreparedArrayDataset, circular_folds


@DATASETS.register_module()
class WatchDataset(PreparedArrayDataset):
    """Accelerometer and gyroscope of a wrist, ten people, seven exercises.

    Windows of two seconds (100 samples at 50 Hz) that do not overlap; what
    is left at the end of a recording is not used. Nobody is in two splits:
    fold k tests on subjects 2k + 1 and 2k + 2, validates on the next two
    (after the tenth comes the first) and trains on the other six. Each axis
    is standardised by the mean and the deviation of the training windows.

    Windows of one recording are alike: intervals must be clustered by
    ``ids['group']``, the recording. ``ids['subject']`` is the person, 1 to
    10.

    Args:
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        modalities (Sequence[str]): 'accelerometer' and/or 'gyroscope',
            float32 ``(3, 1, 100)``: axes x, y, z; one row; time. Defaults
            to both.
        fold (int): 0 to 4. Defaults to 0.
        kwargs: See :class:`PreparedArrayDataset`.
    """

    NAME, SOURCE = DATASET, 'window'
    METAINFO = dict(classes=CLASSES)
    MODALITIES = ('accelerometer', 'gyroscope')
    AXES = (0, 2, 3)

    def __init__(self,
                 split: str = 'train',
                 modalities: Sequence[str] = MODALITIES,
                 fold: int = 0,
                 **kwargs) -> None:
        require_choice('fold', fold, range(SUBJECTS // 2))
        self.fold = fold
        super().__init__(split, modalities, **kwargs)

    def parts(self, labels: np.ndarray) -> Dict[str, np.ndarray]:
        """Split by subject."""
        return circular_folds((self.load('subject') - 1) // 2, self.fold)

    def sample_ids(self, own: np.ndarray) -> Dict[str, np.ndarray]:
        """Window, recording and subject."""
        return dict(
            super().sample_ids(own),
            group=self.load('recording')[own],
            subject=self.load('subject')[own])

    def samples(self, modality: str) -> np.ndarray:
        """All windows, ``(n, 3, 1, 100)``."""
        return self.load(modality)[:, :, None]
