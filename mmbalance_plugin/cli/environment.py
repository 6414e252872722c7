"""What a run needs around it, and what the console shows of it."""
import contextlib
import logging
import os
from pathlib import Path
from typing import Iterator
from unittest import mock

# What makes cuBLAS deterministic, in either of its sizes.
CUBLAS = 'CUBLAS_WORKSPACE_CONFIG'
CUBLAS_VALUES = (':4096:8', ':16:8')
# Of MMEngine's Runner and LoggerHook.
_NOISE = ('Hooks will be executed in the following order', 'Exp name: ')
# Launcher -> what it sets, and how to start it.
_LAUNCHED = dict(
    pytorch=('RANK', 'bash tools/dist_train.sh CONFIG PROCESSES'),
    slurm=('SLURM_PROCID', 'bash tools/slurm_train.sh PARTITION JOB CONFIG'),
    mpi=('OMPI_COMM_WORLD_RANK', 'mpirun -n PROCESSES python tools/train.py '
         'CONFIG --launcher mpi'))


def require_writable(folder: str) -> None:
    """Make a folder, and see to it that files can be made in it.

    Raises:
        OSError: They cannot; names what is in the way.
    """
    os.makedirs(folder, exist_ok=True)
    probe = Path(folder, f'.write_test_{os.getpid()}')
    try:
        probe.touch()
    except OSError as error:
        raise type(error)(error.errno, f'{error.strerror}: nothing can be '
                          'written there', folder) from error
    probe.unlink()


def require_launched(launcher: str) -> None:
    """See to it that the launcher is there that a run is said to be from.

    Raises:
        ValueError: It is not; says how to start it.
    """
    variable, call = _LAUNCHED.get(launcher, ('PATH', ''))
    if variable not in os.environ:
        raise ValueError(
            f'--launcher {launcher} is for processes that it has started, '
            f'but {variable} is not set: {call}, or leave --launcher out')


def require_deterministic_cublas() -> None:
    """Set what PyTorch's deterministic algorithms want of cuBLAS.

    ``randomness.deterministic`` turns them on, and without the variable
    the first matrix product on a GPU is then an error. Call it before
    anything starts CUDA.

    Raises:
        ValueError: The variable is set to something else.
    """
    value = os.environ.setdefault(CUBLAS, CUBLAS_VALUES[0])
    if value not in CUBLAS_VALUES:
        raise ValueError(
            f'{CUBLAS}={value} is not deterministic: unset it, or set it to '
            f'{" or ".join(CUBLAS_VALUES)}')


def _tells_something(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_NOISE)


@contextlib.contextmanager
def quiet_console() -> Iterator[None]:
    """Spare readers what runners that are built within introduce.

    Environment and config are some three hundred lines; they go to the log
    file alone. Warnings are shown as ever. The order of the hooks and, in
    each epoch, the name of the experiment are told nowhere.
    """
    from mmengine.runner import Runner
    build_logger = Runner.build_logger
    muted = []

    def build_quiet_logger(runner: Runner, *args, **kwargs):
        logger = build_logger(runner, *args, **kwargs)
        logger.addFilter(_tells_something)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                muted.append((handler, handler.level))
                handler.setLevel(max(handler.level, logging.WARNING))
        return logger

    try:
        with mock.patch.object(Runner, 'build_logger', build_quiet_logger):
            yield
    finally:
        for handler, level in muted:
            handler.setLevel(level)
