"""Which samples a subset takes."""
from typing import Any

import numpy as np


def positions(indices: Any, count: int) -> np.ndarray:
    """Turn MMEngine's ``indices`` into positions.

    Args:
        indices (int | Sequence[int]): The first (negative: last) so many
            samples, or the positions of those to take, in this order and as
            often as they are named; counted from the end if negative. NumPy
            and torch integers will do.
        count (int): How many samples there are.

    Returns:
        ndarray: int64, in [0, count).

    Raises:
        TypeError: ``indices`` are neither.
        IndexError: There are fewer samples.
    """
    listed = np.asarray(indices)
    if listed.ndim > 1 or (listed.size and listed.dtype.kind not in 'iu'):
        raise TypeError('indices must be a number of samples or a list of '
                        f'positions, but got {indices!r}')
    listed = listed.astype(np.int64)
    if listed.ndim == 0:
        if abs(listed) > count:
            raise IndexError(f'indices={indices} asks for {abs(listed)} of '
                             f'{count} samples')
        return np.arange(count)[:listed] if listed >= 0 else np.arange(
            count)[listed:]
    outside = listed[(listed < -count) | (listed >= count)]
    if len(outside):
        raise IndexError(f'indices name sample {outside[0]} of {count}')
    return np.arange(count)[listed]
