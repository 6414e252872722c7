"""How much sound a wav file promises; FFmpeg only says what is there."""
import struct
from typing import Optional


def _is_unknown(size: int) -> bool:
    """Whether this stands for a length that was not known yet.

    Programs that pipe write nothing, or the largest length that fits, less
    a header or rounded down (espeak-ng: 0x7FFFF000).
    """
    return size == 0 or size >> 16 in (0x7FFF, 0xFFFF)



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
    if _is_unknown(size):
        return None
    return min(1.0, there / size)
