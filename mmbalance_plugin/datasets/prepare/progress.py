"""Progress with the time that is left."""
import sys
from contextlib import contextmanager
from typing import Callable, Iterable, Iterator, List

from mmengine.utils import ProgressBar


def track(items: List, what: str) -> Iterable:
    """Iterate over a list beside a bar that shows the time left."""
    print(what, flush=True)
    bar = ProgressBar(len(items), bar_width=30, file=sys.stdout)
    for item in items:
        yield item
        bar.update()
    sys.stdout.write('\n')
    sys.stdout.flush()


@contextmanager
def track_bytes(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Bar in megabytes; yields a function that advances it by bytes."""
    print(what, flush=True)
    whole = max(1, total // 1_000_000)
    bar = ProgressBar(whole, bar_width=30, file=sys.stdout)
    seen = 0

    def advance(size: int) -> None:
        nonlocal seen
        seen += size
        step = min(seen // 1_000_000, whole) - bar.completed
        if step > 0:
            bar.update(step)

    yield advance
    sys.stdout.write('\n')
    sys.stdout.flush()
