"""How far a long job is, on a terminal and in a log file."""
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import Callable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress


@contextmanager
def progress(total: int,
             what: str,
             seconds: float = 30.) -> Iterator[Callable[..., None]]:
    """Show how much is done and the time that is left.

    A terminal gets a bar. Anything else (a log file), which a bar would
    fill, gets a line now and then.

    Args:
        total (int): How many steps there are.
        what (str): The job.
        seconds (float): Between two lines of a log. Defaults to 30.

    Yields:
        Callable: ``advance(steps=1)``, to be called when steps are done.
    """
    console = Console()
    # Of all steps so far: those of the last half minute may be none.
    with Progress(console=console, disable=not console.is_terminal,
                  speed_estimate_period=float('inf')) as bar:
        bar.add_task(escape(what), total=total)
        task, = bar.tasks
        if bar.disable:
            print(what, flush=True)
        shown = time.monotonic()

        def advance(steps: int = 1) -> None:
            nonlocal shown
            bar.advance(task.id, steps)
            if bar.disable and time.monotonic() - shown >= seconds:
                shown = time.monotonic()
                left = task.time_remaining
                eta = '' if left is None else \
                    f', about {timedelta(seconds=round(left))} left'
                print(f'{task.completed} of {total} done{eta}', flush=True)

        yield advance
