"""Pictures are turned and mirrored as a display matrix says."""
import struct

import numpy as np
import pytest

from mmbalance_plugin.media import MediaReader, decode_frames
from mmbalance_plugin.media.orientation import upright
from tests.media_utils import read_number, write_clip

ONE = 1 << 16
# a, b, c, d of the eight ways in which a camera can be held.
MATRICES = {
    'as it is': (1, 0, 0, 1),
    'front camera': (-1, 0, 0, 1),
    'head down': (-1, 0, 0, -1),
    'front camera, head down': (1, 0, 0, -1),
    'on its left': (0, 1, -1, 0),
    'on its right': (0, -1, 1, 0),
    'front camera, on its left': (0, 1, 1, 0),
    'front camera, on its right': (0, -1, -1, 0),
}


def held(path: str, matrix) -> str:
    """Write a display matrix into the only track of an mp4."""
    a, b, c, d = (round(x * ONE) for x in matrix)
    content = bytearray(open(path, 'rb').read())
    place = content.index(b'tkhd') + 44
    struct.pack_into('>9i', content, place, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    open(path, 'wb').write(content)
    return path


def mapped(picture: np.ndarray, matrix) -> np.ndarray:
    """Each point where the matrix takes it, one by one."""
    a, b, c, d = matrix
    points = {}
    for y, row in enumerate(picture):
        for x, colour in enumerate(row):
            points[a * x + c * y, b * x + d * y] = colour
    left = min(x for x, _ in points)
    top = min(y for _, y in points)
    width = max(x for x, _ in points) - left + 1
    height = max(y for _, y in points) - top + 1
    result = np.empty((height, width, 3), dtype=np.uint8)
    for (x, y), colour in points.items():
        result[y - top, x - left] = colour
    return result


@pytest.mark.parametrize('name', MATRICES)
def test_eight_ways_to_hold_a_camera(tmp_path, name):
    matrix = MATRICES[name]
    path = write_clip(tmp_path / 'a.mp4', frames=12, size=(48, 64))
    with MediaReader(path) as reader:
        plain = decode_frames(reader, [0, 11])
    with MediaReader(held(path, matrix)) as reader:
        found = decode_frames(reader, [0, 11])
    for picture, expected in zip(found, plain):
        np.testing.assert_array_equal(picture, mapped(expected, matrix))
        assert picture.flags.c_contiguous
    # Only then it shows its number, which no other way does.
    assert (read_number(found[1]) == 11) == (name == 'as it is')


def test_a_camera_held_askew():
    """The closest of the eight is taken, at any scale."""
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    for degrees in range(0, 360, 10):
        turns = round(degrees / 90) % 4
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        for mirror in (1, -1):
            matrix = mirror * cos, mirror * sin, -sin, cos
            expected = np.rot90(
                picture[:, ::-1] if mirror < 0 else picture, -turns)
            np.testing.assert_array_equal(
                upright(picture, packed(matrix)), expected)
            np.testing.assert_array_equal(
                upright(picture, packed(np.multiply(matrix, .25))), expected)


def packed(matrix) -> bytes:
    a, b, c, d = (round(float(x) * ONE) for x in matrix)
    return struct.pack('=9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)


def test_no_matrix_costs_nothing():
    picture = np.zeros((2, 4, 3), dtype=np.uint8)
    assert upright(picture, None) is picture
