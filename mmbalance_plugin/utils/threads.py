"""Many independent jobs in threads."""
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from typing import Callable, Iterable, Iterator, TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


@contextmanager
def in_threads(function: Callable[[Item], Result],
               items: Iterable[Item],
               workers: int,
               chunk: int = 1,
               ordered: bool = False) -> Iterator[Iterator[Result]]:
    """Results as they come.

    At the end no job is begun any more, those that have begun are waited
    for, and no thread is left, so that the process may fork.

    Args:
        function (Callable): Called with an item, in a thread.
        items (Iterable): What to call it with.
        workers (int): Threads.
        chunk (int): Jobs that a thread takes in one go. Defaults to 1.
        ordered (bool): Whether results come in the order of the items.
            Defaults to False.

    Yields:
        Iterator[Result]: What the function returned for each.
    """
    pool = ThreadPool(workers)
    try:
        imap = pool.imap if ordered else pool.imap_unordered
        yield imap(function, items, chunk)
    finally:
        pool.terminate()
        pool.join()
