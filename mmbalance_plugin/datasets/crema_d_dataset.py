"""CREMA-D: six emotions, acted."""
from mmbalance_plugin.registry import DATASETS

from .prepare.crema_d import DATASET, EMOTIONS
from .prepared_clips_dataset import PreparedClipsDataset


@DATASETS.register_module()
class CremaDDataset(PreparedClipsDataset):
    """CREMA-D, 7,442 clips of 91 actors; picture (flv) and sound (wav).

    Two protocols:

    * ``'fair'``: 63 actors to train, 10 to validate and 18 to test on, so
      that no face and voice is in two splits. Assigned from the actors'
      numbers alone.
    * ``'paper'``: the random 6,698 / 744 split of the literature, whose test
      actors are all in training as well, with a tenth of the training rows
      carved off for validation. Prepare it with ``--split-csv``.

    Numbers of the two do not compare. Arguments are those of
    :class:`PreparedClipsDataset`.
    """

    NAME = DATASET
    METAINFO = dict(classes=tuple(EMOTIONS.values()))
    NEEDS = dict(paper='--split-csv')
