"""Clips that ``tools/prepare_data.py`` has checked."""
import os
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Union

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.registry import DATASETS

from .audio_visual_dataset import _KEYS, AudioVisualDataset
from .prepare.errors import PreparedDataError
from .prepare.manifest import mend, require_complete, source_of
from .prepare.media_extract import (
    EXTRACTED,
    SUFFIX,
    copy_of,
    require_copies,
)


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
        extracted (bool): Whether to read the copies that the tool's
            ``--extract`` wrote. Defaults to False.
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
                 extracted: bool = False,
                 **kwargs) -> None:
        self.split, self.protocol = split, protocol
        self.prepared_root = Path(data_root or f'data/{self.NAME}')
        content = require_complete(self.prepared_root, self.NAME)
        self.mend_command = mend(self.prepared_root, content)
        media = Path(media_root) if media_root else source_of(
            self.prepared_root, content)
        #: Folder of whatever is not extracted.
        self.source_root = media
        self.extracted = extracted
        if extracted:
            if media_root:
                raise ValueError(
                    'media_root is the folder of the clips, extracted=True '
                    'reads their copies: give one of them')
            media = self.prepared_root / EXTRACTED
            self.mend_command += ' --extract'
            if content['missing_accepted']:  # else it ends before that
                self.mend_command += ' --accept-missing'
            self._sizes = self._copies()
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
            data_prefix=dict(video=str(media)),
            classes=content['classes'],
            **kwargs)

    def _copies(self) -> Dict[str, int]:
        """Size of each copy by its path."""
        try:
            sizes = require_copies(self.prepared_root)
        except MediaError as error:
            raise self._error(Path(error.path), error.reason) from error
        return {str(copy_of(self.prepared_root, name)): size
                for name, size in sizes.items()}

    def _path(self, kind: str, name: Optional[str]) -> Optional[str]:
        if name and self.extracted:
            name += SUFFIX
        return super()._path(kind, name)

    def _problem(self, info: dict) -> Optional[MediaError]:
        """Copies must have the size they were made with, too."""
        problem = super()._problem(info)
        if problem is not None or not self.extracted:
            return problem
        for stream in self.streams:
            path = info[_KEYS[stream]]
            if path is not None and os.path.getsize(path) != self._sizes.get(
                    path):
                return MediaError(path, 'is not the copy that was extracted')
        return None

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
