"""Turning pictures the way they are meant to be seen."""
import struct
from typing import Optional

import numpy as np


def upright(picture: np.ndarray, matrix: Optional[bytes]) -> np.ndarray:
    """Turn and mirror a picture as a display matrix says.

    Phones held upright write turned pictures, and front cameras mirrored
    ones, with such a matrix. It takes the column x and the row y of a point
    to ``(a x + c y, b x + d y)``. Of the eight ways in which a rectangle can
    lie, the one is taken that comes closest.

    Args:
        picture (np.ndarray): Shape (H, W, ...).
        matrix (bytes, optional): Nine int32 of this machine's byte order:
            a, b, u, c, d, v, x, y, w. None leaves the picture as it is.

    Returns:
        np.ndarray: Shape (H, W, ...) or (W, H, ...), contiguous.
    """
    if matrix is None:
        return picture
    a, b, _, c, d = struct.unpack('=5i', matrix[:20])
    across, down = a, d
    if abs(a) + abs(d) < abs(b) + abs(c):
        picture = picture.swapaxes(0, 1)
        across, down = c, b
    if across < 0:
        picture = picture[:, ::-1]
    if down < 0:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)
