"""How much of a Windows Media file is there."""
import os
import struct
from typing import Optional

#: The object with the facts about the file, and where it has its size and
#: its flags.
_FACTS = bytes.fromhex('a1dcab8c47a9cf118ee400c00c205365')
_SIZE, _FLAGS = 40, 88
_BROADCAST = 1
#: The object comes early in the header.
_SEARCHED = 1 << 16


def present_share(path: str) -> Optional[float]:
    """How large a file is, measured by what its header states.

    FFmpeg says nothing of it: where the two differ it guesses the length
    from the bit rate.

    Args:
        path (str): A file that FFmpeg takes for asf (wmv, wma).

    Returns:
        float | None: More than 1 where something was appended; None where
        the header states no size, as in a recording of a broadcast.
    """
    with open(path, 'rb') as file:
        head = file.read(_SEARCHED)
    begin = head.find(_FACTS)
    if begin < 0 or len(head) < begin + _FLAGS + 4:
        return None
    size, = struct.unpack_from('<Q', head, begin + _SIZE)
    flags, = struct.unpack_from('<I', head, begin + _FLAGS)
    if flags & _BROADCAST or not size:
        return None
    return os.path.getsize(path) / size
