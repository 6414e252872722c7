"""Is a Flash video cut off?"""
import os

_HEAD = 11  # bytes in front of a tag's data
_KINDS = {8, 9, 18}  # sound, picture, data


def ends_whole(path: str) -> bool:
    """Whether a file ends with a whole tag.

    A tag is followed by its length, which leads back to its head.

    Args:
        path (str): A file that FFmpeg takes for flv.
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
    return (head[:1] != b'' and head[0] & 0x1f in _KINDS
            and int.from_bytes(head[1:4], 'big') + _HEAD == length)
