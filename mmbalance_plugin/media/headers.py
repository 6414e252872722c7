"""What a file's own header states and FFmpeg does not tell.

Each function takes the path of a file that FFmpeg takes for that format.
"""
import os
import re
import struct
from typing import Iterator, Optional, Tuple

#: Where the search for a header ends; FFmpeg's own ends there, too.
_SEARCHED = 1 << 16

#: Windows Media: the object with the facts about the file, and where it has
#: its size and its flags.
_ASF_FACTS = bytes.fromhex('a1dcab8c47a9cf118ee400c00c205365')
_ASF_SIZE, _ASF_FLAGS, _ASF_BROADCAST = 40, 88, 1

#: mp3: what tags of the length are called, and the bytes between a frame's
#: header and the tag: of stereo and mono frames of the two generations of
#: MPEG. VBRI always comes after the most.
_MP3_TAG = re.compile(rb'Xing|Info|VBRI')
_MP3_BETWEEN = (32, 17, 9)

#: Sony's wave64 writes every name as 16 bytes, of which four are those of
#: wav and the rest is the same for all but the first.
_W64_HEAD = 40
_W64_WAVE = bytes.fromhex('77617665f3acd3118cd100c04f8edb8a')
_WAV_LARGE = 0xFFFFFFFF

_FLV_HEAD = 11  # bytes in front of a tag's data
_FLV_KINDS = {8, 9, 18}  # sound, picture, data


def asf_share(path: str) -> Optional[float]:
    """How large a Windows Media file is, measured by what it states.

    FFmpeg says nothing of it: where the two differ it guesses the length
    from the bit rate. More than 1 where something was appended; None where
    no size is stated, as in a recording of a broadcast.
    """
    with open(path, 'rb') as file:
        head = file.read(_SEARCHED)
    begin = head.find(_ASF_FACTS)
    if begin < 0 or len(head) < begin + _ASF_FLAGS + 4:
        return None
    size, = struct.unpack_from('<Q', head, begin + _ASF_SIZE)
    flags, = struct.unpack_from('<I', head, begin + _ASF_FLAGS)
    if flags & _ASF_BROADCAST or not size:
        return None
    return os.path.getsize(path) / size


def wave_share(path: str) -> Optional[float]:
    """Share of the sound in a wav or w64 file that is really there.

    None where the header gives no length.
    """
    with open(path, 'rb') as file:
        head = file.read(_W64_HEAD)
        if head[:4] in (b'RIFF', b'RF64', b'BW64') and head[8:12] == b'WAVE':
            file.seek(12)
            chunks = _chunks(file, '<4sI', 0, 2)
        elif head[24:] == _W64_WAVE:
            # Their sizes count the heads.
            chunks = _chunks(file, '<4s12xQ', 24, 8)
        else:
            return None
        size, large = 0, 0
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
    if size == _WAV_LARGE:
        size = large
    elif size >> 16 in (0x7FFF, 0xFFFF):
        # Not known yet when it was written: programs that pipe write the
        # largest length that fits, less a header or rounded down (espeak-ng:
        # 0x7FFFF000), or nothing.
        return None
    return min(1.0, there / size) if size else None


def _chunks(file, form: str, counted: int,
            step: int) -> Iterator[Tuple[bytes, int]]:
    """Name and size of each chunk; the file then stands in front of it."""
    length = struct.calcsize(form)
    while len(head := file.read(length)) == length:
        name, size = struct.unpack(form, head)
        size, begin = max(size - counted, 0), file.tell()
        yield name, size
        file.seek(begin + -(-size // step) * step)


def mp3_samples(path: str) -> Optional[int]:
    """Number of samples by the Xing, Info or VBRI tag in the first frame.

    Silence that encoders add is included. None where there is no tag or it
    states no length, as in files that were cut out of a stream.
    """
    with open(path, 'rb') as file:
        _skip_id3(file)
        data = file.read(_SEARCHED)
    for match in _MP3_TAG.finditer(data):
        for between in _MP3_BETWEEN:
            begin = match.start() - 4 - between
            head = data[max(begin, 0):begin + 4]
            if begin >= 0 and head[0] == 0xFF and head[1] >= 0xE0:
                after, place = data[match.end():], 10
                if match[0] != b'VBRI':
                    place = 4
                    if not after[3:4] or not after[3] & 1:
                        return None
                frames = int.from_bytes(after[place:place + 4], 'big')
                first_generation = head[1] & 0x18 == 0x18
                return frames * (1152 if first_generation else 576) or None
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


def cut_box(path: str) -> Optional[str]:
    """Name of the box in which an mp4 or QuickTime file ends too early.

    FFmpeg opens what is left of a table of contents that is cut off, with
    the streams that come first in it, or with none. None where the last box
    is whole.
    """
    size, begin = os.path.getsize(path), 0
    with open(path, 'rb') as file:
        while begin + 8 <= size:
            file.seek(begin)
            length, name = struct.unpack('>I4s', file.read(8))
            if length == 1:  # a large one
                length, = struct.unpack('>Q', file.read(8).ljust(8, b'\xff'))
            # Something else was appended, or the rest is one box.
            if length < 8 or not name.isalnum():
                return None
            if begin + length > size:
                return name.decode()
            begin += length
    return None


def flv_is_whole(path: str) -> bool:
    """Whether a Flash video ends with a whole tag.

    A tag is followed by its length, which leads back to its head.
    """
    size = os.path.getsize(path)
    with open(path, 'rb') as file:
        file.seek(max(0, size - 4))
        length = int.from_bytes(file.read(4), 'big')
        begin = size - 4 - length
        if begin < 0:
            return False
        file.seek(begin)
        head = file.read(4)
    return (head[:1] != b'' and head[0] & 0x1f in _FLV_KINDS
            and int.from_bytes(head[1:4], 'big') + _FLV_HEAD == length)
