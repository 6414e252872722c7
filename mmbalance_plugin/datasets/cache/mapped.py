"""Arrays in a mapped file, of which only the parts in use are read."""
import mmap
from contextlib import suppress
from typing import Any

import numpy as np

_ADVICE = getattr(mmap, 'MADV_WILLNEED', None)


class MappedArray(np.ndarray):
    """An array in a mapped file that is read from the disk part by part.

    To touch a page of a file that is not in memory makes the system read as
    much around it as it reads ahead, which may be megabytes. So whenever one
    element along the first axis is taken (a frame), that one is asked for,
    as a whole and without waiting: what is not used is not read, and
    several frames are fetched at the same time.

    Otherwise it is an array as any other; its elements are plain ones. It is
    made of a shape, a type, the mapped file, and where in it it begins.
    """

    _file = None

    def __new__(cls, shape, dtype, buffer, offset) -> 'MappedArray':
        array = super().__new__(cls, shape, dtype, buffer, offset)
        # Only of this array, not of views of it.
        array._file, array._begin = buffer, offset
        return array

    def __getitem__(self, index) -> Any:
        found = super().__getitem__(index)
        if (self._file is not None and self.ndim > 1
                and isinstance(index, (int, np.integer))):
            # Any index in range, negative ones too, as a place in the file.
            begin = self._begin + int(index) % len(self) * self.strides[0]
            page = begin - begin % mmap.PAGESIZE
            if _ADVICE is not None and found.nbytes:
                with suppress(OSError):  # only advice
                    self._file.madvise(
                        _ADVICE, page, begin + found.nbytes - page)
        return found.view(np.ndarray) if isinstance(
            found, np.ndarray) else found
