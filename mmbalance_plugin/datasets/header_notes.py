"""Which streams files have, read once and noted beside their list."""
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Dict, Sequence

import av

from mmbalance_plugin.media import MediaReader, MissingStreamError
from mmbalance_plugin.utils.files import write_atomic

#: What the notes depend on besides the files.
_ABOUT = dict(version=2, av=av.__version__)


class HeaderNotes:
    """Remembers the headers of media files from run to run.

    A note holds as long as the file's size and time of change do. Only sound
    headers are noted: a damaged file, or one that took too long, is tried
    again the next time.

    Args:
        ann_file (str): The list of the files; the notes are
            ``<ann_file>.headers.json``.
    """

    def __init__(self, ann_file: str) -> None:
        self.path = Path(f'{ann_file}.headers.json')
        # One dict a file: nested ones would take twice the time to read.
        self._notes: Dict[str, dict] = {}
        self._changed = False
        try:
            content = json.loads(self.path.read_text(encoding='utf-8'))
            files = content.pop('files')
            if content == _ABOUT:
                self._notes = files
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            pass  # none yet, or not ours

    def require(self, path: str, streams: Sequence[str]) -> None:
        """See to it that a file has 'video', 'audio' or both.

        Raises:
            MissingStreamError: It lacks one.
            MediaError: It cannot be read, or is damaged.
        """
        status = os.stat(path)
        size, time = status.st_size, status.st_mtime_ns
        note = self._notes.get(path)
        if note is None or note['size'] != size or note['mtime_ns'] != time \
                or not note.keys() >= set(streams):
            note = dict(size=size, mtime_ns=time)
            with MediaReader(path) as reader:
                for stream in streams:
                    note[stream] = None
                    try:
                        reader.require(stream)
                    except MissingStreamError as error:
                        note[stream] = error.reason
            self._notes[path] = note
            self._changed = True
        for stream in streams:
            if note[stream] is not None:
                raise MissingStreamError(path, note[stream])

    def save(self) -> None:
        """Write the notes, if there are new ones and the folder lets us."""
        if not self._changed:
            return
        text = json.dumps(dict(_ABOUT, files=self._notes))
        # In somebody else's folder, headers are read again the next time.
        with suppress(OSError):
            write_atomic(self.path, [text.encode()],
                         f'{self.path}.{os.getpid()}', sync=False)
