"""How far a long job is, on a terminal and in a log file."""
import sys
import time
from typing import Optional, TextIO

from mmengine.utils import ProgressBar


class Progress:
    """Shows how much is done and the time that is left.

    A terminal gets a bar; anything else (a log file) a line every now and
    then, as a bar would fill it.

    Args:
        total (int): How many steps there are.
        file (TextIO, optional): Where to write. Defaults to None:
            ``sys.stdout``.
        seconds (float): Between two lines. Defaults to 30.
    """

    def __init__(self, total: int, file: Optional[TextIO] = None,
                 seconds: float = 30.) -> None:
        self.total, self.done = total, 0
        self.file = sys.stdout if file is None else file
        self.bar = ProgressBar(
            total, bar_width=30,
            file=self.file) if self.file.isatty() else None
        # Drawing takes longer than a step of some jobs.
        self.seconds = .1 if self.bar else seconds
        self.start = self.shown = time.monotonic()

    def update(self, steps: int = 1) -> None:
        """Some more steps are done."""
        self.done += steps
        now = time.monotonic()
        if now - self.shown >= self.seconds:
            self.shown = now
            self._show(now)

    def _show(self, now: float) -> None:
        if self.bar:
            if self.done > self.bar.completed:
                self.bar.update(self.done - self.bar.completed)
            return
        left = (now - self.start) * (self.total - self.done) / self.done
        print(f'{self.done} of {self.total} done, about {_span(left)} left',
              file=self.file, flush=True)

    def close(self) -> None:
        """Everything is done, or there will be no more."""
        if self.bar:
            self._show(time.monotonic())
            print(file=self.file, flush=True)


def _span(seconds: float) -> str:
    if seconds < 100:
        return f'{seconds:.0f} s'
    minutes = round(seconds / 60)
    return f'{minutes} min' if minutes < 100 else f'{minutes / 60:.1f} h'
