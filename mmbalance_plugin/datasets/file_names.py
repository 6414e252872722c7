"""Names of media files: spelt as on another system, readable or not."""
import os
import stat
import unicodedata
from typing import Iterator, Optional

from mmbalance_plugin.utils.pointers import LONGEST, pointer_file

_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


def find_file(path: str) -> Optional[str]:
    """How a file is spelt on this disk.

    A list of clips and the clips may come from different systems: Windows
    separates folders by backslashes, and an accented letter is one character
    or two (macOS), which looks the same and is another name.

    Args:
        path (str): As written.

    Returns:
        str | None: The first spelling that exists, as written if that does;
        None where there is none.
    """
    return next(filter(os.path.exists, _spellings(path)), None)


def _spellings(path: str) -> Iterator[str]:
    yield path
    for slashes in (path, path.replace('\\', '/')):
        for form in ('NFC', 'NFD'):
            yield unicodedata.normalize(form, slashes)


def unreadable(path: str) -> Optional[str]:
    """Why a file cannot be opened.

    Args:
        path (str): The file.

    Returns:
        str | None: The reason, or None where it can.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return pointer_file(path) or 'no such file'
    except OSError as error:
        return f'cannot be read: {error.strerror}'
    if stat.S_ISDIR(status.st_mode):
        return 'is a directory, not a media file'
    # Read by everybody, or else it has to be asked for.
    everybody = status.st_mode & _READABLE == _READABLE
    if not everybody and not os.access(path, os.R_OK):
        return 'cannot be read: Permission denied'
    if status.st_size <= LONGEST:
        return pointer_file(path)
    return None
