"""What a file holds, told by its hash, which is remembered."""
import hashlib
import json
import os
import stat
import time
from typing import Dict, NamedTuple, Optional, Tuple

from ..prepare.packages import sha256_file
from .folder import CacheFolder

#: Where the notes lie in the folder of a cache.
NOTES = 'hashes'
#: A file that changed less than so many nanoseconds ago could change again
#: without its times showing it (they tick every 2 s on some file systems).
SETTLED = 2 * 10**9

_REMEMBERED = 1 << 16
_memory: Dict[str, Tuple] = {}


class Content(NamedTuple):
    """The content of a file at a moment.

    Attributes:
        sha256 (str): Of its bytes.
        status (tuple): Size, time of change of the content and of the entry
            (nanoseconds), and which file of which disk it is.
        settled (bool): Whether any later change shows in ``status``.
    """
    sha256: str
    status: Tuple[int, ...]
    settled: bool


class ContentHashes:
    """SHA-256 of files, computed once for each that did not change.

    A hash is noted in a small file under the path of what was hashed, with
    its size and times, and holds as long as these do. The time of change of
    the directory entry (``ctime``) is one of them: it cannot be set back, so
    that a file with other bytes is noticed even where its size and its
    ``mtime`` were restored. A note that is absent, damaged or of another
    file means that the file is hashed again.

    Args:
        folder (CacheFolder): Where to keep notes.
    """

    def __init__(self, folder: CacheFolder) -> None:
        self.folder = folder

    def content(self, path: str) -> Optional[Content]:
        """What is in a file now.

        Args:
            path (str): The file.

        Returns:
            Content | None: None if it is not a file that can be read, or
            changes at this moment.
        """
        try:
            status = _status(path)
            known = _memory.get(path)
            if known is not None and known.status == status:
                return known
            return self._find(path, status)
        except OSError:
            return None

    def unchanged(self, path: str, before: Content) -> bool:
        """Whether a file still is what it was."""
        try:
            return _status(path) == before.status and (
                before.settled or sha256_file(path) == before.sha256)
        except OSError:
            return False

    def _find(self, path: str, status: Tuple[int, ...]) -> Optional[Content]:
        place = os.path.abspath(path)
        name = hashlib.sha256(os.fsencode(place)).hexdigest()[:32]
        name = f'{NOTES}/{name[:2]}/{name[2:]}.json'
        about = [os.fsencode(place).decode(errors='replace'), *status[:3]]
        settled = time.time_ns() - status[2] > SETTLED
        sha256 = self._noted(name, about)
        if sha256 is None:
            sha256 = sha256_file(path)
            if _status(path) != status:
                return None
            if settled:
                self.folder.write(
                    name, [json.dumps([*about, sha256]).encode()])
        content = Content(sha256, status, settled)
        if settled:
            if len(_memory) >= _REMEMBERED:
                del _memory[next(iter(_memory))]
            _memory[path] = content
        return content

    def _noted(self, name: str, about: list) -> Optional[str]:
        try:
            with open(self.folder.path(name), 'rb') as file:
                *found, sha256 = json.loads(file.read())
            if found == about and len(bytes.fromhex(sha256)) == 32:
                return sha256
        except (OSError, ValueError, TypeError):
            pass
        return None


def _status(path: str) -> Tuple[int, ...]:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f'{path} is not a regular file')
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns,
            found.st_ino, found.st_dev)
