"""Kinetics-Sounds: the audible classes of Kinetics."""
from mmbalance_plugin.registry import DATASETS

from .prepare.kinetics_sounds import CLASSES_31, DATASET
from .prepared_clips_dataset import PreparedClipsDataset


@DATASETS.register_module()
class KineticsSoundsDataset(PreparedClipsDataset):
    """Kinetics-Sounds with 31 or 34 classes, as it was prepared.

    Kinetics' validation clips are the test split; a tenth of each class of
    its training clips validates.

    Args:
        args: See :class:`PreparedClipsDataset`.
        kwargs: See :class:`PreparedClipsDataset`.
    """

    NAME = DATASET
    METAINFO = dict(classes=CLASSES_31)
