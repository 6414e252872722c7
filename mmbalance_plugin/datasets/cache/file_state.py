"""Which file, in which state, an entry of a cache was made of."""
import os
import stat
import time
from typing import NamedTuple, Optional

#: A file that changed less than so many nanoseconds ago could change again
#: without its times showing it (they tick every 2 s on some file systems).
SETTLED = 2 * 10**9


class FileState(NamedTuple):
    """What another content of a file cannot share with this one."""

    path: str  # absolute, with links resolved
    size: int
    mtime_ns: int
    #: Programs cannot set it back, so that other bytes are noticed even where
    #: size and ``mtime`` were restored. On Windows the time of creation.
    ctime_ns: int

    @property
    def settled(self) -> bool:
        """bool: Whether any later change shows in the times."""
        return time.time_ns() - max(self.mtime_ns, self.ctime_ns) > SETTLED


def state_of(path: str) -> Optional[FileState]:
    """The state of a file now; None if it is not a file that can be found."""
    try:
        path = os.path.realpath(path)
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileState(path, found.st_size, found.st_mtime_ns,
                     found.st_ctime_ns)
