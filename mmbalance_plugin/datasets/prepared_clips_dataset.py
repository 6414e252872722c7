"""Clips that ``tools/prepare_data.py`` has checked."""
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Union

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.registry import DATASETS

from .audio_visual_dataset import AudioVisualDataset
from .prepare.errors import PreparedDataError
from .prepare.manifest import mend, require_complete, source_of


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
        IncompleteDataError: The manifest is not complete; names the first
            missing clips and the command that mends it.
        PreparedDataError: There is no manifest, no such split, or files have
            vanished since.
    """

    #: Name that ``tools/prepare_data.py`` knows.
    NAME = ''

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
        self.mend_command = mend(self.prepared_root, content)
        #: Folder of the clips.
        self.source_root = Path(media_root) if media_root else source_of(
            self.prepared_root, content)
        ann_file = self.prepared_root / protocol / f'{split}.csv'
        if (f'{protocol}/{split}' not in content['counts']
                or not ann_file.is_file()):
            raise self._error(
                ann_file, 'does not exist; there are ' +
                (', '.join(sorted(content['counts'])) or 'no splits') +
                self.hint(protocol))
        super().__init__(
            str(ann_file),
            list(pipeline),
            data_prefix=dict(video=str(self.source_root)),
            classes=content['classes'],
            **kwargs)

    def hint(self, protocol: str) -> str:
        """What to add to an error about a protocol that is not there."""
        return ''

    def _error(self, path: Path, problem: str) -> PreparedDataError:
        error = PreparedDataError(path, problem, self.NAME,
                                  self.prepared_root)
        error.args = (f'{path} {problem}. Mend it with\n'
                      f'    {self.mend_command}', )
        return error

    def filter_data(self) -> List[dict]:
        """Check that the files are there still."""
        try:
            return super().filter_data()
        except MediaError as error:
            raise self._error(
                Path(self.ann_file),
                f'lists files that cannot be used: {error}') from error
