"""The tool that reads a cache from the disk, and what it reads."""
import sys

import numpy as np
import pytest

from cold_cache import ColdCache

pytestmark = pytest.mark.skipif(
    sys.platform != 'linux', reason='needs /proc/self/io')


def test_command(run_benchmark, tmp_path):
    rows = run_benchmark(
        'cache_reading', '--folder', tmp_path, '--clips', 3, '--frames', 4,
        '--size', 16, 24, '--rounds', 2).splitlines()
    assert [row.split(' | ')[0] for row in rows if row.startswith('| ')] == [
        '| read', '| cache', '| bare reads']
    assert not list(tmp_path.iterdir())


def test_only_the_frames_that_are_drawn_are_read(tmp_path):
    """Whatever the system reads ahead."""
    shape = (20, 256, 341, 3)
    cold = ColdCache(str(tmp_path), 4, shape)
    assert len(cold.entries) == 4
    first, = cold.measure(1)['cache']
    whole, drawn = 4 * np.prod(shape), 4 * 3 * np.prod(shape[1:])
    if first.bytes_read == 0:
        pytest.skip('the folder is not on a disk')
    assert drawn < first.bytes_read < whole / 2
