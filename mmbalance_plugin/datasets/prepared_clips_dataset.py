"""Clips that ``tools/prepare_data.py`` has checked."""
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Union

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.registry import DATASETS

from .audio_visual_dataset import AudioVisualDataset
from .prepare import clips, crema_d, kinetics_sounds, vggsound
from .prepare.errors import PreparedDataError
from .prepare.manifest import require_complete


@DATASETS.register_module()
class PreparedClipsDataset(AudioVisualDataset):
    """A split of a media data set with a manifest.

    Subclasses name a data set of ``tools/prepare_data.py``. The manifest
    must say that the set is complete, or that what is missing was accepted,
    and every file of the split must still be there; otherwise building the
    data set fails, which is before training starts.

    Args:
        split (str): ``'train'``, ``'val'`` or ``'test'``. Defaults to
            ``'train'``.
        pipeline (list[dict | Callable]): Transforms. Defaults to ().
        protocol (str): Which of the prepared ways to split. Defaults to
            ``'fair'``.
        data_root (str, optional): Folder that the tool wrote. Defaults to
            None: ``data/<name>``.
        media_root (str, optional): Folder of the clips, where it is not the
            one they were prepared from. Defaults to None.
        kwargs: See :class:`AudioVisualDataset`.

    Raises:
        PreparedDataError: There is no manifest, or it is not complete; there
            is no such split, or files have vanished since. Names the first
            clips and the command that mends it.
    """

    #: Name that ``tools/prepare_data.py`` knows.
    NAME = ''
    #: Protocol -> what it must be prepared with.
    NEEDS: Dict[str, str] = {}

    def __init__(self,
                 split: str = 'train',
                 pipeline: Sequence[Union[dict, Callable]] = (),
                 protocol: str = 'fair',
                 data_root: Optional[str] = None,
                 media_root: Optional[str] = None,
                 **kwargs) -> None:
        self.split, self.protocol = split, protocol
        self.prepared_root = Path(data_root or f'data/{self.NAME}')
        content = require_complete(self.prepared_root, self.NAME)
        self._arguments = content.get('arguments', ())
        #: Folder of the clips: as prepared, relative to the manifest's.
        self.source_root = (Path(media_root) if media_root else
                            self.prepared_root / content['source'])
        ann_file = self.prepared_root / protocol / f'{split}.csv'
        if (f'{protocol}/{split}' not in content['counts']
                or not ann_file.is_file()):
            there = ', '.join(sorted(content['counts'])) or 'no splits'
            if protocol in self.NEEDS:
                there += (f' (the {protocol} protocol needs '
                          f'{self.NEEDS[protocol]})')
            raise self._error(ann_file, f'does not exist; there are {there}')
        super().__init__(
            str(ann_file),
            list(pipeline),
            data_prefix=dict(video=str(self.source_root)),
            classes=content['classes'],
            **kwargs)

    def _error(self, path: Path, problem: str) -> PreparedDataError:
        return PreparedDataError(path, problem, self.NAME,
                                 self.prepared_root, self._arguments)

    def filter_data(self) -> List[dict]:
        """Check that the files are there still."""
        try:
            return super().filter_data()
        except MediaError as error:
            raise self._error(
                Path(self.ann_file),
                f'lists files that cannot be used: {error}') from error


@DATASETS.register_module()
class CremaDDataset(PreparedClipsDataset):
    """CREMA-D: six emotions, acted; picture (flv) and sound (wav).

    Two protocols, whose numbers do not compare:

    * ``'fair'``: 63 actors to train, 10 to validate and 18 to test on, so
      that no face and voice is in two splits. Assigned from the actors'
      numbers alone.
    * ``'paper'``: the random 6,698 / 744 split of the literature, whose test
      actors are all in training as well, with a tenth of the training rows
      carved off for validation. Prepare it with ``--split-csv``.
    """

    NAME = crema_d.DATASET
    METAINFO = dict(classes=tuple(crema_d.EMOTIONS.values()))
    NEEDS = dict(paper='--split-csv')


@DATASETS.register_module()
class KineticsSoundsDataset(PreparedClipsDataset):
    """Kinetics-Sounds: the audible classes of Kinetics, 31 or 34 of them.

    Two protocols:

    * ``'fair'``: Kinetics' validation clips are the test split; a tenth of
      each class of its training clips validates.
    * ``'paper'``: the 14,799 / 2,597 split of the imbalance papers. Prepare
      it with their split files as ``--annotations``.
    """

    NAME = kinetics_sounds.DATASET
    METAINFO = dict(classes=kinetics_sounds.CLASSES_31)
    NEEDS = dict(
        fair="Kinetics' csv files as --annotations",
        paper="the imbalance papers' split files as --annotations")


@DATASETS.register_module()
class VGGSoundDataset(PreparedClipsDataset):
    """VGGSound: 309 sound events, seen and heard, in ten-second clips.

    The test split is the official one; a twentieth of each class of the
    training clips validates. Class names come from the annotation, in
    alphabetical order.
    """

    NAME = vggsound.DATASET


@DATASETS.register_module()
class OwnClipsDataset(PreparedClipsDataset):
    """Clips of one's own, with the splits of the protocol ``'own'``.

    ``mmbalance prepare clips`` checks them and writes the splits.
    """

    NAME = clips.DATASET
