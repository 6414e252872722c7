"""How much sound a wav file promises; FFmpeg only says what is there."""
import struct
from typing import Optional

# Written where the length is not known yet, as programs that pipe do.
_UNKNOWN = (0, 0x7FFFFFFF, 0xFFFFFFFF)


def present_share(path: str) -> Optional[float]:
    """Share of the sound in a wav file that is really there.

    Args:
        path (str): A file that FFmpeg takes for wav.

    Returns:
        float | None: Between 0 and 1, or None where the header gives no
        length.
    """
    with open(path, 'rb') as file:
        head = file.read(12)
        if head[:4] != b'RIFF' or head[8:] != b'WAVE':
            return None
        while True:
            head = file.read(8)
            if len(head) < 8:
                return None
            name, size = struct.unpack('<4sI', head)
            if name == b'data':
                break
            file.seek(size + size % 2, 1)
        begin = file.tell()
        there = file.seek(0, 2) - begin
    if size in _UNKNOWN:
        return None
    return min(1.0, there / size)
