"""Training the runs of a grid, each in a process of its own."""
import argparse
import multiprocessing
import os
import sys
import threading
import traceback
from concurrent import futures
from multiprocessing import connection
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
)

from ..utils.progress import progress
from ..utils.work_dir import SUMMARY
from .command import UsageError
from .environment import require_writable
from .explain import explain
from .grid import Run, key_of, resolve
from .launch import apply_train_args, runner_of

OUTPUT = 'output.txt'
_SEE = ' (see '
#: A finished run, and what went wrong if it failed.
Outcome = Tuple[Run, Optional[str]]
# Imported once by the process that those of the runs are forked from.
_PRELOAD = [
    'mmbalance_plugin.registry', 'mmbalance_plugin.cli.grid_runs',
    *(f'{package}.{room}' for package in ('mmaction', 'mmbalance_plugin')
      for room in ('models', 'datasets', 'engine', 'evaluation')),
    'mmaction.visualization', 'mmbalance_plugin.analysis.records',
    'sklearn.metrics',
    # By the first optimiser and the visualizer.
    'torch._dynamo', 'matplotlib.pyplot', 'matplotlib.backends.backend_agg'
]
_ONE_READER = threading.Lock()
# Before anything starts threads; inherited by the runs.
_ONE_THREAD = dict(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')


def perform(run: Run) -> None:
    """Train a run as far as it is not, and write its record.

    A run that was interrupted goes on from its last checkpoint. Another
    process that is at the same run is waited for.

    Args:
        run (Run): One of a grid.

    Raises:
        UsageError: Its config has changed since the grid was made.
    """
    from filelock import FileLock

    from mmbalance_plugin.analysis.records import write_record
    run.work_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(run.work_dir / '.lock'):
        if run.record.is_file():
            return
        if not (run.work_dir / SUMMARY).is_file():
            _train(run)
        if not run.keep:
            _drop_checkpoints(run.work_dir)
        write_record(run.record, run.work_dir, dict(
            config=run.config, options=list(run.options), key=run.key,
            seed=run.seed, fold=run.fold), run.split)


def _train(run: Run) -> None:
    cfg = resolve(run.config, run.options, run.fold)
    if key_of(cfg, run.fold) != run.key:
        raise UsageError(f'{run.config} has changed since this grid began: '
                         'start it again')
    apply_train_args(cfg, argparse.Namespace(
        launcher='none', work_dir=str(run.work_dir), resume='auto',
        seed=run.seed, amp=False, no_validate=False, auto_scale_lr=False,
        overwrite=False, diff_rank_seed=False, deterministic=False))
    with runner_of(cfg) as runner:
        runner.train()


def _drop_checkpoints(work_dir: Path) -> None:
    """Remove weights; the summary stops naming them first."""
    import json

    from mmbalance_plugin.utils.files import write_atomic
    path = work_dir / SUMMARY
    summary = json.loads(path.read_text(encoding='utf-8'))
    if summary['checkpoint'] is not None:
        text = json.dumps({**summary, 'checkpoint': None}, indent=2)
        write_atomic(path, [f'{text}\n'.encode()])
    for weights in (*work_dir.glob('*.pth'), work_dir / 'last_checkpoint'):
        weights.unlink(missing_ok=True)


def perform_all(runs: Sequence[Run],
                start: Callable[[Sequence[Run]], Iterator[Outcome]]
                ) -> List[str]:
    """Perform what is not done, and say how far it is.

    Args:
        runs (Sequence[Run]): In the order in which to begin.
        start (Callable): Performs some, such as :func:`on_this_machine`.

    Returns:
        list[str]: What failed, and why; a row's runs that ended with the
        same words are one.

    Raises:
        ValueError: A record is damaged.
        OSError: Nothing can be written where work dirs or records go.
    """
    from mmbalance_plugin.analysis.records import read_record
    left = [run for run in runs
            if not (run.record.is_file() and read_record(run.record))]
    for folder in dict.fromkeys(f for r in left for f in (r.out, r.store)):
        require_writable(folder)
    print(f'{len(runs)} runs, {len(runs) - len(left)} finished before')
    if not left:
        return []
    os.environ.update(_ONE_THREAD)
    failed: Dict[Tuple[str, str], List[str]] = {}
    with progress(len(left), 'training') as advance:
        for run, error in start(left):
            print(f'{run}: {f"failed: {error}" if error else "done"}',
                  flush=True)
            if error:
                why = error.split(_SEE)[0].replace(str(run.work_dir), '')
                failed.setdefault((run.row, why), []).append(
                    f'{run}: {error}')
            advance()
    return [first + (f'; {len(others)} more of it did' if others else '')
            for first, *others in failed.values()]


# ---- on this machine ----------------------------------------------------
def processes() -> Any:
    """What starts the processes of runs; they have one thread each.

    They are forked from one that has imported everything, where there is
    forking: the imports take as long as a short run, and begin here.
    """
    if 'forkserver' not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context('spawn')
    from multiprocessing import forkserver
    context = multiprocessing.get_context('forkserver')
    os.environ.update(_ONE_THREAD)
    # As the tools themselves do, in the process that is forked from.
    os.environ.setdefault('PYTHONWARNINGS', 'ignore:Fail to import')
    context.set_forkserver_preload(_PRELOAD)
    forkserver.ensure_running()
    return context


def on_this_machine(runs: Sequence[Run], jobs: int) -> Iterator[Outcome]:
    """Perform runs, some at a time.

    Args:
        runs (Sequence[Run]): In the order in which to begin.
        jobs (int): How many at a time.

    Yields:
        tuple[Run, str | None]: As they end; with what ended it, if it failed.
    """
    context = processes()

    def in_a_process(run: Run) -> Optional[str]:
        return _failure(run, exit_code(context, _entry, run))

    with futures.ThreadPoolExecutor(jobs) as pool:
        waiting: Dict[futures.Future, Run] = {
            pool.submit(in_a_process, run): run for run in runs}
        try:
            for future in futures.as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def exit_code(context: Any, target: Callable, *args: Any) -> Optional[int]:
    """Call a function in a process of its own; for threads.

    Args:
        context (BaseContext): What starts the process.
        target (Callable): Of the arguments.
        args (Any): To be pickled.

    Returns:
        int: 0, or how the process ended; negative of a signal.
    """
    process = context.Process(target=target, args=args)
    # A start looks at all children, too: a status that two threads read at
    # once is lost to one of them, which takes the process for a failed one.
    with _ONE_READER:
        process.start()
    connection.wait([process.sentinel])
    with _ONE_READER:
        process.join()
    return process.exitcode


def _entry(run: Run) -> None:
    """Of a run's process: everything it says goes to its file."""
    run.work_dir.mkdir(parents=True, exist_ok=True)
    with open(run.work_dir / OUTPUT, 'ab', buffering=0) as output:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(output.fileno(), stream.fileno())
        if _attempt(run):
            os._exit(1)


def _attempt(run: Run) -> Optional[str]:
    """Perform a run; what went wrong, which is said on standard error."""
    try:
        perform(run)
    except Exception as error:
        traceback.print_exc()
        line = explain(error)
        if line:
            print(line, file=sys.stderr)
        sys.stderr.flush()
        return line or traceback.format_exception_only(error)[-1].strip()
    return None


def _failure(run: Run, status: Optional[int]) -> Optional[str]:
    if status == 0 and run.record.is_file():
        return None
    path = run.work_dir / OUTPUT
    lines = path.read_text(errors='replace').split('\n') \
        if path.is_file() else []
    last = next((line for line in reversed(lines) if line.strip()), '')
    ended = f'killed by signal {-status}' if status and status < 0 else last
    return f'{ended}{_SEE}{path})'


# ---- on a cluster -------------------------------------------------------
def by_submitit(runs: Sequence[Run], jobs: int, cluster: str,
                parameters: Dict[str, Any]) -> Iterator[Outcome]:
    """Perform runs as jobs of a cluster.

    Args:
        runs (Sequence[Run]): In the order in which to begin.
        jobs (int): How many at a time, under Slurm.
        cluster (str): 'slurm', or 'local' for processes of this machine.
        parameters (dict): Of ``submitit.AutoExecutor.update_parameters``.

    Yields:
        tuple[Run, str | None]: As they end; with what ended it, if it failed.

    Raises:
        UsageError: submitit is not installed, finds no cluster, or does not
            know a parameter.
    """
    try:
        import submitit
    except ImportError as error:
        raise UsageError("--executor needs submitit: pip install "
                         "'mmbalance_plugin[slurm]'") from error
    try:
        executor = submitit.AutoExecutor(
            Path(runs[0].out, 'submitit'), cluster=cluster)
        executor.update_parameters(
            name='compare', slurm_array_parallelism=jobs, **parameters)
    except Exception as error:
        raise UsageError(f'--executor {cluster}: {error}') from error
    waiting = dict(zip(executor.map_array(_attempt, runs), runs))
    for job in submitit.helpers.as_completed(list(waiting)):
        killed = job.exception()
        why = f'ended without a result ({job.state})' if killed \
            else job.result()
        yield waiting[job], why and f'{why}{_SEE}{job.paths.stderr})'

