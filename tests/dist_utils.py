"""Run a function in several gloo ranks on this machine."""
import multiprocessing
import os
import pickle
import tempfile
import traceback
from datetime import timedelta
from typing import Any, Callable, List

import torch
import torch.distributed as torch_dist

# A rank that waits for one that has died must not hang the suite.
TIMEOUT = timedelta(seconds=120)

# Ranks are forked from a server that has done nothing but these imports:
# as clean as spawned ones, without seconds of imports for each. The first
# step of an optimiser imports the last but one, the first evaluation the last.
_CONTEXT = multiprocessing.get_context('forkserver')
_CONTEXT.set_forkserver_preload(
    ['mmengine.runner', 'mmbalance_plugin.models', 'torch._dynamo',
     'sklearn.metrics'])


def run_ranks(fn: Callable, world_size: int, *args: Any) -> List[Any]:
    """Call ``fn(*args)`` in fresh gloo ranks and collect the results.

    The default process group is a gloo group when ``fn`` starts, and RANK,
    LOCAL_RANK and WORLD_SIZE are set, as under torchrun. ``fn`` learns its
    rank from ``torch.distributed.get_rank()`` or ``mmengine.dist``. Other
    environment variables are those of the first call in this process.

    Args:
        fn (Callable): A top-level function of an importable module (a test
            file is one), since the ranks import it anew.
        world_size (int): Number of processes.
        args: Passed to ``fn``; pickled.

    Returns:
        List[Any]: What ``fn`` returned in each rank, in the order of ranks.
        Tensors come back detached and on the CPU.

    Raises:
        RuntimeError: A rank raised; the message holds its traceback. Of
            several, the lowest rank that failed by itself is named.
    """
    with tempfile.TemporaryDirectory() as folder:
        processes = [
            _CONTEXT.Process(
                target=_run_rank, args=(rank, world_size, folder, fn, args))
            for rank in range(world_size)
        ]
        for process in processes:
            process.start()
        _wait(processes, folder)
        _raise_failures(processes, folder)
        return [
            torch.load(
                os.path.join(folder, f'result{rank}.pt'), weights_only=False)
            for rank in range(world_size)
        ]


def _run_rank(rank: int, world_size: int, folder: str, fn: Callable,
              args: tuple) -> None:
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world_size))
    # file:// needs no port, so suites can run side by side.
    torch_dist.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=world_size,
        timeout=TIMEOUT)
    try:
        result = _plain(fn(*args))
        torch.save(result, os.path.join(folder, f'result{rank}.pt'))
        torch_dist.barrier()
    except BaseException:
        with open(os.path.join(folder, f'error{rank}.txt'), 'w') as file:
            file.write(traceback.format_exc())
        # Not through the group's own clean-up, which waits for the peers.
        os._exit(1)
    torch_dist.destroy_process_group()


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(item) for item in value)
    pickle.dumps(value)
    return value


def _wait(processes: list, folder: str) -> None:
    # Once a rank has failed the others only wait for it.
    waiting = list(processes)
    while waiting:
        for process in list(waiting):
            process.join(timeout=0.05)
            if process.exitcode is None:
                continue
            waiting.remove(process)
            if process.exitcode != 0:
                for other in waiting:
                    other.join(timeout=1)
                    other.terminate()


def _raise_failures(processes: list, folder: str) -> None:
    failed = [r for r, p in enumerate(processes) if p.exitcode != 0]
    if not failed:
        return
    reports = {}
    for rank in failed:
        path = os.path.join(folder, f'error{rank}.txt')
        if os.path.exists(path):
            with open(path) as file:
                reports[rank] = file.read()
    # A rank whose peer vanished reports a closed connection: not the cause.
    causes = [r for r in reports if 'gloo' not in reports[r].splitlines()[-1]]
    rank = (causes or list(reports) or failed)[0]
    text = reports.get(
        rank, f'it ended with exit code {processes[rank].exitcode} and left '
        'no traceback')
    raise RuntimeError(f'rank {rank} of {len(processes)} failed:\n{text}')
