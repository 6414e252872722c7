"""Kinetics-Sounds: the audible classes of Kinetics."""
from mmbalance_plugin.registry import DATASETS

from .prepare.kinetics_sounds import CLASSES_31, DATASET
from .prepared_clips_dataset import PreparedClipsDataset


@DATASETS.register_module()
class KineticsSoundsDataset(PreparedClipsDataset):
    """Kinetics-Sounds with 31 or 34 classes, as it was prepared.

    Two protocols:

    * ``'fair'``: Kinetics' validation clips are the test split; a tenth of
      each class of its training clips validates.
    * ``'paper'``: the 14,799 / 2,597 split of the imbalance papers. Prepare
      it with their split files as ``--annotations``.

    Arguments are those of :class:`PreparedClipsDataset`.
    """

    NAME = DATASET
    METAINFO = dict(classes=CLASSES_31)
    NEEDS = dict(
        fair="Kinetics' csv files as --annotations",
        paper="the imbalance papers' split files as --annotations")
