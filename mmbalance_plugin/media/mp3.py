"""The length that an mp3 file states, in a tag in its first frame."""
import re
from typing import Optional

_TAG = re.compile(rb'Xing|Info|VBRI')
#: Bytes between a frame's header and the tag: of stereo and mono frames of
#: the two generations of MPEG. VBRI always comes after the most.
_BETWEEN = (32, 17, 9)
#: Where FFmpeg stops to look for the first frame, too.
_SEARCHED = 1 << 16


def tagged_samples(path: str) -> Optional[int]:
    """Number of samples by the Xing, Info or VBRI tag.

    Args:
        path (str): A file that FFmpeg takes for mp3.

    Returns:
        int | None: Silence that encoders add included. None where there is
        no tag or it states no length, as in files that were cut out of a
        stream.
    """
    with open(path, 'rb') as file:
        _skip_id3(file)
        data = file.read(_SEARCHED)
    for match in _TAG.finditer(data):
        for between in _BETWEEN:
            begin = match.start() - 4 - between
            head = data[max(begin, 0):begin + 4]
            if begin >= 0 and head[0] == 0xFF and head[1] >= 0xE0:
                frames = _frames(match[0], data[match.end():])
                first_generation = head[1] & 0x18 == 0x18
                return frames and frames * (
                    1152 if first_generation else 576)
    return None


def _skip_id3(file) -> None:
    """Leave out titles and pictures of the cover."""
    while True:
        begin = file.tell()
        head = file.read(10)
        if len(head) < 10 or head[:3] != b'ID3':
            file.seek(begin)
            return
        size = sum(byte << shift
                   for byte, shift in zip(head[6:], (21, 14, 7, 0)))
        footer = 10 if head[5] & 0x10 else 0
        file.seek(size + footer, 1)


def _frames(tag: bytes, after: bytes) -> Optional[int]:
    """The number of frames in the tag, which states it or not."""
    place = 10
    if tag != b'VBRI':
        if not after[3:4] or not after[3] & 1:
            return None
        place = 4
    return int.from_bytes(after[place:place + 4], 'big') or None
