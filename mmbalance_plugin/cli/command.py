"""How a tool ends: with one line where its user can mend what went wrong."""
import functools
import os
import select
import sys
import traceback
import warnings
from typing import Callable, NoReturn, Optional

from .explain import explain
from .ranks import first_of_machine, speaks


class UsageError(ValueError):
    """A mistake on the command line or in a config."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what to tell about it."""


def command(main: Callable) -> Callable:
    """Make a function the ``main`` of a tool.

    Mistakes in what the user gave (a config, data, a checkpoint, a folder)
    end with one line on standard error and exit status 2, Ctrl-C with one
    line and 130. ``--verbose`` on the command line shows the traceback,
    too. Anything else is a fault of the program: the traceback, and 1.
    Of several processes only one tells what all of them met.

    Threads that wait for each other sleep instead of spinning, unless
    ``OMP_WAIT_POLICY`` is set (docs/performance.md has the numbers).

    Args:
        main (Callable): Returns the exit status, or None for 0.

    Returns:
        Callable: The same, never raising but :class:`SystemExit`.
    """

    @functools.wraps(main)
    def run(*args) -> Optional[int]:
        # Read when torch is imported, which is later.
        os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
        if not first_of_machine():
            warnings.simplefilter('ignore')
        # Of mmcv-lite, about an operator that nothing here uses.
        warnings.filterwarnings(
            'ignore', 'Fail to import ``MultiScaleDeformableAttention``')
        try:
            status = main(*args)
            sys.stdout.flush()
            return status
        except KeyboardInterrupt as stop:
            detail = f': {stop}' if str(stop) else ''
            _end(f'interrupted{detail}', 130, stop)
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                return 141  # As a program that SIGPIPE ends.
            line = explain(error)
            if line is None:
                raise
            _end(f'error: {line}', 2, error)

    return run


def _nobody_reads() -> bool:
    """Whether the output went to somebody who has seen enough of it."""
    output = sys.stdout.fileno()
    poll = select.poll()
    poll.register(output, select.POLLERR)
    if not poll.poll(0):
        return False
    # What is left to write goes nowhere when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


def _end(line: str, status: int, error: BaseException) -> NoReturn:
    if speaks(line):
        if '--verbose' in sys.argv:
            traceback.print_exception(error)
        # Whatever was printed before comes before.
        sys.stdout.flush()
        _to_log_file(line, error)
        print(line, file=sys.stderr, flush=True)
    sys.exit(status)


def _to_log_file(line: str, error: BaseException) -> None:
    """Say it in the log file of the run, if there is one, with all detail."""
    if 'mmengine.logging' not in sys.modules:
        return
    import logging

    from mmengine.logging import MMLogger
    if not MMLogger._instance_dict:
        return
    logger = MMLogger.get_current_instance()
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.emit(logger.makeRecord(
                logger.name, logging.ERROR, '', 0, line, (),
                (type(error), error, error.__traceback__)))
