"""The file of an entry: what goes in comes out, and damage is noticed."""
import copy
import mmap
import pickle

import numpy as np
import pytest
import torch

from mmbalance_plugin.datasets.cache import (
    encode_entry,
    entries,
    kept_as_read,
    read_entry,
)

KEY = 'ab' * 32
RNG = np.random.default_rng(0)
VALUES = dict(
    array=RNG.integers(0, 255, (5, 7, 3), np.uint8),
    strided=RNG.normal(size=(6, 4)).T[::2],
    scalar=np.array(2.5),
    none_left=np.zeros((0, 3), np.int64),
    flags=np.array([True, False]),
    big_endian=np.arange(5, dtype='>i2'),
    moment=np.array(['2020-01-01'], dtype='datetime64[s]'),
    text=np.array(['ä', 'bc']),
    half=torch.arange(3).half(),
    tensor=torch.arange(12.).reshape(3, 4).t(),
    scalar_tensor=torch.tensor(7),
    weight=torch.ones(2, requires_grad=True),
    number=3, ratio=.1, big=2**60, yes=True, nothing=None, infinite=np.inf,
    name='søren', shape=(20, 24), sizes=[1, 2.5, None, 'x'], empty=(),
    numpy_number=np.float32(.5), numpy_shape=(np.int64(3), np.int64(4)))


@pytest.fixture(params=[0, 1 << 20], ids=['mapped', 'read'])
def written(request, tmp_path, monkeypatch):
    """Write values to a file and return its path."""
    monkeypatch.setattr(entries, 'MAPPED_BYTES', request.param)

    def write(values, key=KEY):
        path = tmp_path / 'entry'
        path.write_bytes(b''.join(
            bytes(x) for x in encode_entry(key, kept_as_read(values))))
        return str(path)

    return write


def test_values_come_back_as_they_were(written):
    found = read_entry(written(VALUES), KEY)
    expected = kept_as_read(VALUES)
    assert set(found) == set(expected) == set(VALUES)
    for key, value in expected.items():
        assert isinstance(found[key], type(value)), key
        if isinstance(value, (np.ndarray, torch.Tensor)):
            assert found[key].dtype == value.dtype
            assert found[key].shape == value.shape
            original = VALUES[key]
            if isinstance(original, torch.Tensor):
                original = original.detach()
            assert np.array_equal(found[key], original), key
            if isinstance(value, np.ndarray):
                assert found[key].flags.writeable
                assert found[key].flags.aligned
        else:
            assert found[key] == VALUES[key], key
    assert type(found['numpy_number']) is float
    assert type(found['numpy_shape'][0]) is int


def test_where_files_cannot_be_mapped_they_are_read(written, monkeypatch):
    def fail(*_, **__):
        raise OSError('no such device')

    path = written(VALUES)
    monkeypatch.setattr(mmap, 'mmap', fail)
    found = read_entry(path, KEY)
    assert np.array_equal(found['array'], VALUES['array'])
    assert type(found['array']) is np.ndarray


def test_a_header_may_be_long(written):
    values = dict(text='x' * 9999, array=np.arange(99))
    found = read_entry(written(values), KEY)
    assert found['text'] == values['text']
    assert np.array_equal(found['array'], values['array'])


class Advised:
    """A mapped file that notes which bytes are asked for."""

    def __init__(self):
        self.ranges = []

    def madvise(self, advice, begin, length):
        assert advice == mmap.MADV_WILLNEED
        assert begin % mmap.PAGESIZE == 0
        self.ranges.append((begin, begin + length))


def test_only_the_frames_that_are_taken_are_asked_for(written):
    frames = RNG.integers(0, 255, (9, 50, 60, 3), np.uint8)
    path = written(dict(first=np.zeros(99), frames=frames))
    found = read_entry(path, KEY)['frames']
    if entries.MAPPED_BYTES:
        assert type(found) is np.ndarray
        return
    begin = open(path, 'rb').read().index(frames.tobytes())
    found._file = Advised()
    for number in (7, np.int32(2), -1, np.int64(-9)):
        frame = found[number]
        assert type(frame) is np.ndarray and frame.flags.writeable
        assert np.array_equal(frame, frames[number])
        start = begin + int(number) % 9 * frames[0].nbytes
        (low, high), = found._file.ranges
        assert start - mmap.PAGESIZE < low <= start
        assert high == start + frames[0].nbytes
        found._file.ranges.clear()
    with pytest.raises(IndexError):
        found[9]
    # Everything else is as with any array.
    assert np.array_equal(found[2:5, ..., 0], frames[2:5, ..., 0])
    assert np.array_equal(found[[1, 3]], frames[[1, 3]])
    assert found[1, 2, 3, 0] == frames[1, 2, 3, 0] and found.max() == 254
    assert np.array_equal(np.stack([found[0], found[1]]), frames[:2])
    assert np.array_equal(pickle.loads(pickle.dumps(found))[3], frames[3])
    assert np.array_equal(copy.deepcopy(found[3:])[0], frames[3])
    assert not found._file.ranges[2:]


@pytest.mark.parametrize('value', [
    np.array([object()]), np.zeros(2, dtype='f4,i4'), object(), {'a': 1},
    [[1]], (np.zeros(2), ), torch.zeros(2, dtype=torch.bfloat16), {1},
    b'bytes'])
def test_what_cannot_be_kept_is_named(value):
    with pytest.raises(TypeError, match='"odd" cannot be cached'):
        kept_as_read(dict(fine=1, odd=value))


def test_a_file_that_is_cut_anywhere_is_no_entry(written):
    path = written(VALUES)
    with open(path, 'rb') as file:
        content = file.read()
    for length in [*range(0, len(content), 37), len(content) - 1]:
        with open(path, 'wb') as file:
            file.write(content[:length])
        assert read_entry(path, KEY) is None, length
    with open(path, 'wb') as file:
        file.write(content)
    assert read_entry(path, KEY) is not None


def test_a_bit_that_flips_in_the_header_is_noticed(written):
    path = written(dict(array=np.zeros((2, 3), np.uint8), number=8.25))
    with open(path, 'rb') as file:
        content = bytearray(file.read())
    for place in range(len(content) - 64):  # what follows is the array
        for bit in (1, 8, 128):
            content[place] ^= bit
            with open(path, 'wb') as file:
                file.write(content)
            assert read_entry(path, KEY) is None, place
            content[place] ^= bit


def test_an_entry_under_anothers_name_is_not_taken(written, tmp_path):
    path = written(VALUES, key='cd' * 32)
    assert read_entry(path, KEY) is None
    assert read_entry(str(tmp_path), KEY) is None
    assert read_entry(str(tmp_path / 'absent'), KEY) is None
