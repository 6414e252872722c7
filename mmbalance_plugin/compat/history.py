"""Logged scalars that do not slow a long run down.

MMEngine keeps every value of every scalar of a run, and appends by
``np.append``, which copies all of them: after 100,000 steps .4 ms for each
of the half dozen scalars of a step, growing on. No report is known upstream.
Here arrays grow into spare room, as lists do.
"""
from typing import Any, Callable

import numpy as np
from mmengine.logging import HistoryBuffer

from .replaced import replace

_FIELDS = ('_log_history', '_count_history')


def install() -> None:
    """Let ``HistoryBuffer`` append without a copy."""
    if not copies(HistoryBuffer.update):
        return

    @replace(HistoryBuffer, 'update')
    def update(original: Callable, self, log_val, count=1) -> None:
        spare = self.__dict__.setdefault('_spare', {})
        values = dict(zip(_FIELDS, (log_val, count)))
        if not all(_fits(v, getattr(self, f)) for f, v in values.items()):
            return original(self, log_val, count)
        for field, value in values.items():
            array = getattr(self, field)
            room, stop, ours = spare.get(field, (array, len(array), None))
            # Somebody may have put another array in its place.
            if array is not ours or stop == len(room):
                stop = len(array)
                room = np.empty(64 + 2 * stop, array.dtype)
                room[:stop] = array
            room[stop] = value
            start = stop + 1 - min(len(array) + 1, self.max_length)
            array = room[start:stop + 1]
            spare[field] = room, stop + 1, array
            setattr(self, field, array)


def copies(update: Any) -> bool:
    """Whether a method appends by copying what is there."""
    buffer = HistoryBuffer([1.] * 64, [1] * 64)
    before = buffer.data[0]
    update(buffer, 1.)
    return not np.shares_memory(before, buffer.data[0])


def _fits(value: Any, array: np.ndarray) -> bool:
    """Whether appending would leave the array's type as it is."""
    return type(value) is float and array.dtype == np.float64 or (
        type(value) is int and array.dtype in (np.int64, np.float64))

