"""Many independent jobs in threads."""
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from typing import Callable, Iterable, Iterator, Optional, Sequence, TypeVar

from .progress import progress

Item = TypeVar('Item')
Result = TypeVar('Result')


@contextmanager
def in_threads(function: Callable[[Item], Result],
               items: Sequence[Item],
               workers: int,
               chunk: int = 1,
               ordered: bool = False,
               what: Optional[str] = None) -> Iterator[Iterator[Result]]:
    """Results as they come.

    At the end no job is begun any more, those that have begun are waited
    for, and no thread is left, so that the process may fork.

    Args:
        function (Callable): Called with an item, in a thread.
        items (Sequence): What to call it with.
        workers (int): Threads.
        chunk (int): Jobs that a thread takes in one go. Defaults to 1.
        ordered (bool): Whether results come in the order of the items.
            Defaults to False.
        what (str, optional): What the jobs are, where :func:`progress` is to
            be shown. Defaults to None.

    Yields:
        Iterator[Result]: What the function returned for each.
    """
    pool = ThreadPool(workers)
    try:
        imap = pool.imap if ordered else pool.imap_unordered
        results = imap(function, items, chunk)
        yield results if what is None else _shown(results, len(items), what)
    finally:
        pool.terminate()
        pool.join()


def _shown(results: Iterable[Result], total: int,
           what: str) -> Iterator[Result]:
    with progress(total, what) as advance:
        for result in results:
            yield result
            advance()
