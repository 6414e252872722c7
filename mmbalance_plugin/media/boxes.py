"""Is an mp4 or QuickTime file cut off?"""
import os
import struct
from typing import Optional

_LARGE = 1
_SHORTEST = 8


def cut_box(path: str) -> Optional[str]:
    """Name of the box in which a file ends too early.

    FFmpeg opens what is left of a table of contents that is cut off, with
    the streams that come first in it, or with none.

    Args:
        path (str): A file that FFmpeg takes for one of the two.

    Returns:
        str | None: None where the last box is whole.
    """
    size, begin = os.path.getsize(path), 0
    with open(path, 'rb') as file:
        while begin + _SHORTEST <= size:
            file.seek(begin)
            length, name = struct.unpack('>I4s', file.read(8))
            if length == _LARGE:
                length, = struct.unpack('>Q', file.read(8).ljust(8, b'\xff'))
            # Something else was appended, or the rest is one box.
            if length < _SHORTEST or not name.isalnum():
                return None
            if begin + length > size:
                return name.decode()
            begin += length
    return None
