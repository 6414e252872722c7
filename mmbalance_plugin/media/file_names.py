"""Names of media files: spelt as on another system, readable or not."""
import os
import stat
import unicodedata
from typing import Iterator, Optional

from mmbalance_plugin.utils.pointers import LONGEST, pointer_file

_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


def find_file(path: str) -> Optional[str]:
    """How a file is spelt on this disk; None where there is none.

    A list of clips and the clips may come from different systems: Windows
    separates folders by backslashes, and an accented letter is one character
    or two (macOS), which looks the same and is another name.
    """
    return next(filter(os.path.exists, dict.fromkeys(_spellings(path))), None)


def _spellings(path: str) -> Iterator[str]:
    yield path
    for slashes in (path, path.replace('\\', '/')):
        for form in ('NFC', 'NFD'):
            yield unicodedata.normalize(form, slashes)


def unreadable(path: str) -> Optional[str]:
    """Why a file cannot be opened; None where it can."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return pointer_file(path) or 'no such file'
    except (OSError, ValueError) as error:
        return f'cannot be read: {getattr(error, "strerror", error)}'
    if stat.S_ISDIR(status.st_mode):
        return 'is a directory, not a media file'
    if not stat.S_ISREG(status.st_mode):
        return 'is not a regular file'
    # Read by everybody, or else it has to be asked for.
    everybody = status.st_mode & _READABLE == _READABLE
    if not everybody and not os.access(path, os.R_OK):
        return 'cannot be read: Permission denied'
    if status.st_size == 0:
        return 'is empty (0 bytes)'
    return pointer_file(path) if status.st_size <= LONGEST else None
