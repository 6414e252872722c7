"""Many independent jobs in threads, without a list of all of them."""
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import Callable, Iterable, Iterator, Tuple, TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


def unordered(function: Callable[[Item], Result], items: Iterable[Item],
              workers: int) -> Iterator[Tuple[Item, Result]]:
    """Results as they come; only a few jobs are waiting at a time.

    Close the iterator, or let an exception run through it, to start no more
    of them: those that have begun are waited for.

    Args:
        function (Callable): Called with an item, in a thread.
        items (Iterable): Taken from one at a time.
        workers (int): Threads.

    Yields:
        Tuple[Item, Result]: An item and what the function returned for it.
    """
    finished: SimpleQueue = SimpleQueue()
    pool = ThreadPoolExecutor(workers)
    waiting, running = iter(items), 0

    def work(item: Item) -> Tuple[Item, Result]:
        return item, function(item)

    def start(count: int) -> int:
        begun = 0
        for item in islice(waiting, count):
            pool.submit(work, item).add_done_callback(finished.put)
            begun += 1
        return begun

    try:
        running = start(2 * workers)
        while running:
            result = finished.get().result()
            running += start(1) - 1
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
