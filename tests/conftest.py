"""What every test may rely on: one thread, and MMEngine's globals fresh."""
import functools
import itertools
import os
import subprocess
import sys
import time
import types
from pathlib import Path

# Before torch is imported, and inherited by the processes tests start.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')

import pytest  # noqa: E402
import torch  # noqa: E402
import torch.distributed as torch_dist  # noqa: E402
from mmengine.logging import MessageHub, MMLogger  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402
from mmengine.visualization import Visualizer  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fresh_mmengine_globals():
    """Give each test its own message hub, logger, scope and visualizer.

    MMEngine keeps them by name for the whole process, so that a Runner
    would otherwise find what an earlier test recorded.
    """
    managers = (MessageHub, MMLogger, DefaultScope, Visualizer)
    saved = [dict(manager._instance_dict) for manager in managers]
    for manager in managers:
        manager._instance_dict.clear()
    yield
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
    for manager, instances in zip(managers, saved):
        manager._instance_dict.clear()
        manager._instance_dict.update(instances)
    if torch_dist.is_available() and torch_dist.is_initialized():
        torch_dist.destroy_process_group()


@pytest.fixture(scope='session', autouse=True)
def ask_once():
    """What every run asks for and no test changes, once in this process.

    MMEngine starts programs to describe the machine in each log, and git for
    each checkpoint; the real data sets are read and hashed by every run. Each
    run gets a second of its own.
    """
    from mmengine.runner import runner
    from mmengine.utils import version_utils

    from mmbalance_plugin.datasets import prepared_array_dataset
    from mmbalance_plugin.engine.hooks import summary_hook
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, 'collect_env',
                      functools.cache(runner.collect_env))
        run = version_utils._minimal_ext_cmd
        said = functools.cache(lambda *command: run(list(command)))
        patch.setattr(version_utils, '_minimal_ext_cmd',
                      lambda command: said(*command))
        patch.setattr(summary_hook, '_commit',
                      functools.cache(summary_hook._commit))
        # Runners of one name and second would share their message hub.
        seconds = itertools.count(int(time.time()))
        patch.setattr(runner, 'time', types.SimpleNamespace(**{
            **vars(time), 'time': lambda: float(next(seconds))}))
        patch.setattr(prepared_array_dataset, 'load_array',
                      _kept(prepared_array_dataset.load_array))
        yield


def _kept(load_array):
    """The same arrays of the checkout's own data, read-only, once read."""
    kept = {}

    def load(folder, *args):
        if not Path(folder).absolute().is_relative_to(ROOT / 'data'):
            return load_array(folder, *args)
        key = str(folder), *args
        if key not in kept:
            kept[key] = load_array(folder, *args)
            kept[key].flags.writeable = False
        return kept[key]

    return load


@pytest.fixture(scope='session')
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope='session')
def run_python():
    """Run ``python *args`` with the checkout importable.

    Returns a function ``(*args, cwd=None, timeout=300, **env)`` giving the
    :class:`subprocess.CompletedProcess`, output as text.
    """

    def run(*args, cwd=None, timeout=300, **env):
        path = os.pathsep.join(
            filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
        return subprocess.run(
            [sys.executable, *map(str, args)],
            cwd=cwd or ROOT,
            env={
                **os.environ, 'PYTHONPATH': path,
                **env
            },
            capture_output=True,
            text=True,
            timeout=timeout)

    return run
