"""How much sound a wav file promises; FFmpeg only says what is there."""
import struct
from typing import Iterator, Optional, Tuple

#: Sony's wave64 writes every name as 16 bytes, of which four are those of
#: wav and the rest is the same for all but the first.
_W64_HEAD = 40
_W64_WAVE = bytes.fromhex('77617665f3acd3118cd100c04f8edb8a')
_LARGE = 0xFFFFFFFF


def _is_unknown(size: int) -> bool:
    """Whether this stands for a length that was not known yet.

    Programs that pipe write nothing, or the largest length that fits, less
    a header or rounded down (espeak-ng: 0x7FFFF000).
    """
    return size == 0 or size >> 16 in (0x7FFF, 0xFFFF)


def present_share(path: str) -> Optional[float]:
    """Share of the sound in a wav or w64 file that is really there.

    Args:
        path (str): A file that FFmpeg takes for one of the two.

    Returns:
        float | None: Between 0 and 1, or None where the header gives no
        length.
    """
    with open(path, 'rb') as file:
        head = file.read(_W64_HEAD)
        if head[:4] in (b'RIFF', b'RF64', b'BW64') and head[8:12] == b'WAVE':
            file.seek(12)
            chunks = _chunks(file)
        elif head[24:] == _W64_WAVE:
            chunks = _w64_chunks(file)
        else:
            return None
        size, large = None, 0
        for name, length in chunks:
            if name == b'ds64':
                # Sizes that do not fit into four bytes: of the file, of the
                # sound.
                large, = struct.unpack('<8xQ', file.read(16).ljust(16, b'\0'))
            elif name == b'data':
                size = length
                break
        begin = file.tell()
        there = file.seek(0, 2) - begin
    if size == _LARGE:
        size = large
    elif size is None or _is_unknown(size):
        return None
    return min(1.0, there / size) if size else None


def _chunks(file) -> Iterator[Tuple[bytes, int]]:
    """Name and size of each chunk; the file then stands in front of it."""
    while True:
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack('<4sI', head)
        begin = file.tell()
        yield name, size
        file.seek(begin + size + size % 2)


def _w64_chunks(file) -> Iterator[Tuple[bytes, int]]:
    while True:
        head = file.read(24)
        if len(head) < 24:
            return
        name, size = struct.unpack('<4s12xQ', head)
        begin = file.tell()
        # The size counts the head, and the next is at a multiple of 8.
        yield name, max(size - 24, 0)
        file.seek(begin + (max(size, 24) - 24 + 7) // 8 * 8)
