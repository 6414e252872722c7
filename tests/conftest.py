"""What every test may rely on: one thread, and MMEngine's globals fresh."""
import os
import subprocess
import sys
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
