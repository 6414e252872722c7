"""What a piece of code leaves behind: processes and threads."""
import gc
import multiprocessing
import threading
from contextlib import contextmanager


@contextmanager
def nothing_left(seconds=60):
    """Fail where a process or a thread that was started inside lives on.

    What an earlier test left, such as the worker of a loader that an
    error's traceback still holds, is not counted: when that ends is the
    garbage collector's affair.

    Args:
        seconds (float): How long each of them may take to end. Default: 60.
    """
    before = {*multiprocessing.active_children(), *threading.enumerate()}
    yield
    gc.collect()
    started = {*multiprocessing.active_children(), *threading.enumerate()}
    started -= before
    for one in started:
        one.join(seconds)
    assert not [one for one in started if one.is_alive()]
