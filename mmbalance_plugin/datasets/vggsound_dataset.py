"""VGGSound: sound events seen and heard."""
from mmbalance_plugin.registry import DATASETS

from .prepare.vggsound import DATASET
from .prepared_clips_dataset import PreparedClipsDataset


@DATASETS.register_module()
class VGGSoundDataset(PreparedClipsDataset):
    """VGGSound, 309 classes of ten-second clips.

    The test split is the official one; a twentieth of each class of the
    training clips validates. Class names come from the annotation, in
    alphabetical order. Arguments are those of :class:`PreparedClipsDataset`.
    """

    NAME = DATASET
