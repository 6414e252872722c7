"""Files that only point to what a large-file store has not fetched yet."""
import os
from typing import Optional, Union

#: Pointers are no longer than this, in bytes.
LONGEST = 1024
_LFS = b'version https://git-lfs.github.com/spec/'
_ANNEX = b'/annex/objects/'


def pointer_content(data: bytes) -> Optional[str]:
    """What is wrong with a file that holds a pointer.

    Args:
        data (bytes): What a file holds, or the beginning of it.

    Returns:
        str | None: What it is and how to fetch the content; None where it
        is no pointer.
    """
    if data.startswith(_LFS):
        return ('is only a pointer of Git LFS: run "git lfs pull" in its '
                'repository')
    if data.startswith(_ANNEX):
        return ('is only a pointer of git-annex: run "git annex get" in its '
                'repository')
    return None


def pointer_file(path: Union[str, 'os.PathLike[str]']) -> Optional[str]:
    """What is wrong with a path that leads to a pointer.

    Args:
        path (str | PathLike): A file, or a link of git-annex to one that is
            not there. It is only opened where it is short.

    Returns:
        str | None: See :func:`pointer_content`; None, too, where there is
        nothing to be read.
    """
    try:
        if os.path.islink(path) and not os.path.exists(path):
            target = os.readlink(os.fspath(path)).replace(os.sep, '/')
            found = target.find(os.fsdecode(_ANNEX))
            return pointer_content(os.fsencode(target[found:])[:99])
        if not os.path.isfile(path) or os.path.getsize(path) > LONGEST:
            return None
        with open(path, 'rb') as file:
            return pointer_content(file.read(len(_LFS)))
    except (OSError, ValueError):
        return None
