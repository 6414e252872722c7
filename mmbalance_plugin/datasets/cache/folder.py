"""The folder of a cache: files that appear whole or not at all."""
import logging
import os
import uuid
from typing import Iterable, Set

from mmengine.logging import print_log

from mmbalance_plugin.utils.files import write_atomic

#: Where files are written before they get their name.
PARTIAL = '.partial'
#: Seconds after which a partial file is one that a kill has left.
ABANDONED = 3600.

# Of this process: folders that could not be written, and cleaned ones.
_unwritable: Set[str] = set()
_swept: Set[str] = set()


class CacheFolder:
    """Writes into the folder of a cache, or says once why it cannot.

    A file is written under another name and then renamed, so that any number
    of processes may write the same one and be killed; docs/datasets/clips.md
    says what then becomes of the rest, and of a folder that cannot be written.
    Files are not synced to the disk: a power cut may cost entries, which
    then have the wrong size and are made anew.

    Args:
        root (str): The folder. It is made when first written to.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        # Whoever builds a cache anew may have made room.
        _unwritable.discard(self.root)

    def path(self, name: str) -> str:
        """The path of a file in the folder."""
        return f'{self.root}/{name}'

    def write(self, name: str, pieces: Iterable) -> bool:
        """Write a file, named from the folder; whether it is there then."""
        pieces = list(pieces)
        for last in (False, True):
            if self.root in _unwritable:
                break
            try:
                self._write(self.path(name), pieces)
                return True
            except OSError as error:
                # Windows does not replace what another process reads; then
                # it is there.
                if isinstance(error, PermissionError) and os.path.exists(
                        self.path(name)):
                    return True
                # The folder may just have been deleted by somebody.
                if last or not isinstance(error, FileNotFoundError):
                    self._give_up(error)
        return False

    def _write(self, path: str, pieces: list) -> None:
        folder = self.path(PARTIAL)
        os.makedirs(folder, exist_ok=True)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_atomic(path, pieces, f'{folder}/{uuid.uuid4().hex}', sync=False)
        self._sweep(folder, path)

    def _sweep(self, folder: str, mine: str) -> None:
        """Remove what killed processes have left, once in a process."""
        if self.root in _swept:
            return
        _swept.add(self.root)
        # The clock is that of the folder's machine, by our own file.
        limit = os.stat(mine).st_mtime - ABANDONED
        for entry in os.scandir(folder):
            try:
                if entry.stat().st_mtime < limit:
                    os.unlink(entry.path)
            except OSError:
                pass

    def _give_up(self, error: OSError) -> None:
        _unwritable.add(self.root)
        print_log(
            f'The cache {self.root} cannot be written ({error}). This '
            'process goes on with what is cached already and decodes the '
            'rest each time, which is slow: make room there, or give '
            'CachedTransforms another folder.', 'current',
            level=logging.WARNING)
