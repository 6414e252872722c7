"""Processes of runs."""
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmbalance_plugin.cli.grid import Run
from mmbalance_plugin.cli.grid_runs import exit_code, perform_all


def test_a_store_that_takes_or_gives_nothing_stops_before_training(tmp_path):
    run = Run('a.py', (), 'k', 0, None, str(tmp_path), str(tmp_path / 'kept'))
    (tmp_path / 'kept').touch()
    with pytest.raises(FileExistsError, match='kept'):
        perform_all([run], pytest.fail)
    (tmp_path / 'kept').unlink()
    run.record.parent.mkdir(parents=True)
    run.record.write_text('{"half')
    with pytest.raises(ValueError, match='seed_0.json is damaged'):
        perform_all([run], pytest.fail)


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
