"""Reading single pictures of optical flow, with every failure named."""
import os
from typing import Union

import cv2
import numpy as np

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.utils.pointers import pointer_content, pointer_file

#: Marks of a jpeg file: its start, that of a scan, and its end. None of
#: them occurs within a scan.
_JPEG, _SCAN, _END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'


def read_picture(path: Union[str, os.PathLike]) -> np.ndarray:
    """Read a picture as shades of grey.

    Args:
        path (str | PathLike): A jpeg or png file.

    Returns:
        np.ndarray: uint8 of shape (H, W).

    Raises:
        MediaError: It cannot be read, or not be decoded completely.
    """
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except OSError as error:
        problem = pointer_file(path) or f'cannot be read: {error.strerror}'
        raise MediaError(str(path), problem) from error
    return decode_picture(path, data)


def decode_picture(path: Union[str, os.PathLike],
                   data: bytes) -> np.ndarray:
    """Decode a picture that has been read; see :func:`read_picture`."""
    if not data:
        raise MediaError(str(path), 'is empty (0 bytes)')
    problem = pointer_content(data)
    if problem is not None:
        raise MediaError(str(path), problem)
    # Some versions of the decoder fill up what is missing of a jpeg.
    if data.startswith(_JPEG) and data.rfind(_END) <= data.rfind(_SCAN):
        raise MediaError(str(path), 'is cut short')
    try:
        picture = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error as error:  # a damaged header
        raise MediaError(
            str(path), f'cannot be decoded: {error}') from error
    if picture is None:
        raise MediaError(str(path), 'is no picture')
    return picture
