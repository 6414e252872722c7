"""Histories of scalars grow without being copied, and are the same ones."""
import copy
import io
import random

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from mmbalance_plugin.compat.history import copies

ORIGINAL = HistoryBuffer.update._mmbalance_original


def test_still_needed():
    assert copies(ORIGINAL), 'MMEngine appends in place: the shim can go'


def assert_same(buffer, other):
    for mine, theirs in zip(buffer.data, other.data):
        assert mine.tolist() == theirs.tolist()
        assert mine.dtype == theirs.dtype


@pytest.mark.parametrize('start', [[], [1., 2.], [1, 2], ['a', 'b'][:0]])
@pytest.mark.parametrize('max_length', [5, 1000])
def test_the_same_history(start, max_length):
    draw = random.Random(0)
    pair = [HistoryBuffer(start, [1] * len(start), max_length)
            for _ in range(2)]
    for i in range(400):
        value = draw.choice([draw.random(), i, i % 2 == 0, np.float64(i)])
        count = draw.choice([1, i, 2.5])
        pair[0].update(value, count)
        ORIGINAL(pair[1], value, count)
        assert_same(*pair)
    assert pair[0].mean(20) == pair[1].mean(20)
    assert pair[0].current() == pair[1].current()


def test_most_updates_copy_nothing():
    buffer, copied = HistoryBuffer([1.], [1], 1000), 0
    for i in range(3000):
        before = buffer.data
        buffer.update(float(i))
        copied += not all(map(np.shares_memory, before, buffer.data))
    assert copied < 10


def test_what_was_handed_out_stays_as_it_was():
    buffer = HistoryBuffer([1.], [1])
    buffer.update(2.)
    old = buffer.data[0]
    other = copy.deepcopy(buffer)
    buffer.update(3.)
    other.update(4.)
    assert old.tolist() == [1., 2.]
    assert buffer.data[0].tolist() == [1., 2., 3.]
    assert other.data[0].tolist() == [1., 2., 4.]
    # As MessageHub's and others' code may do.
    buffer._log_history = buffer._log_history[:1]
    buffer._count_history = buffer._count_history[:1]
    buffer.update(5.)
    assert buffer.data[0].tolist() == [1., 5.]


def test_saved_and_loaded():
    buffer = HistoryBuffer([1.], [1])
    buffer.update(2.)
    file = io.BytesIO()
    torch.save(buffer, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    loaded.update(3.)
    assert loaded.data[0].tolist() == [1., 2., 3.]


@pytest.mark.parametrize('value, count', [('1', 1), (None, 1), (1., '1')])
def test_what_is_no_number_is_refused_as_before(value, count):
    buffer = HistoryBuffer([1.], [1])
    with pytest.raises(TypeError, match='must be int or float'):
        buffer.update(value, count)
    assert buffer.data[0].tolist() == [1.]
