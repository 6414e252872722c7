"""Files that are written whole or not at all, and their hashes."""
import hashlib
import os
from pathlib import Path
from typing import Iterable, Union

#: Ends the name of a file that is not whole yet.
PARTIAL = '.partial'


def write_atomic(path: Union[str, Path],
                 pieces: Iterable,
                 partial: Union[str, Path, None] = None,
                 sync: bool = True) -> None:
    """Write a file under another name, then give it its own.

    Args:
        path (str | Path): The file; its folder must be there.
        pieces (Iterable[bytes]): Its content.
        partial (str | Path, optional): The other name, on the same disk.
            Defaults to None: hidden, beside the file; two processes at a
            time need two names.
        sync (bool): Whether it must survive a power cut: else the disk may
            keep the new name and lose the content. Defaults to True.
    """
    path = Path(path)
    partial = Path(partial or path.with_name(f'.{path.name}{PARTIAL}'))
    try:
        with open(partial, 'wb') as file:
            file.writelines(pieces)
        move_whole(partial, path, sync)
    finally:
        partial.unlink(missing_ok=True)


def move_whole(partial: Union[str, Path],
               path: Union[str, Path],
               sync: bool = True) -> None:
    """Give a file that is written completely its own name.

    Args:
        partial (str | Path): The name that it was written under.
        path (str | Path): Its own.
        sync (bool): See :func:`write_atomic`. Defaults to True.
    """
    if sync:
        # Windows flushes only what is open for writing.
        with open(partial, 'r+b') as file:
            os.fsync(file.fileno())
    os.replace(partial, path)


def portable(path: str) -> str:
    """A path with the slashes that every system understands."""
    return path.replace(os.sep, '/')


def sha256_file(path: Union[str, Path]) -> str:
    """Hash a file without holding it in memory."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()
