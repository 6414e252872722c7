"""Processes of runs."""
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmbalance_plugin.cli.grid_runs import exit_code


@pytest.mark.skipif(
    'forkserver' not in multiprocessing.get_all_start_methods(),
    reason='this system has no forkserver')
def test_no_status_is_lost_where_starts_and_ends_meet():
    context = multiprocessing.get_context('forkserver')
    calls = [(os._exit, 0), (os._exit, 3),
             (signal.raise_signal, signal.SIGKILL), (os._exit, 0)] * 25
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda call: exit_code(context, *call), calls)
        assert list(found) == [0, 3, -signal.SIGKILL, 0] * 25
