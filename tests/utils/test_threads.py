"""Jobs in threads, none of which is left."""
import pytest

from mmbalance_plugin.utils.threads import in_threads
from tests.left_over import nothing_left


@pytest.mark.parametrize('chunk', [1, 7])
@pytest.mark.parametrize('ordered', [False, True])
def test_all_jobs_are_done_and_no_thread_is_left(chunk, ordered):
    squares = [n * n for n in range(100)]
    with nothing_left(0):
        with in_threads(
                lambda n: n * n, range(100), 3, chunk, ordered) as found:
            found = list(found)
    assert (found if ordered else sorted(found)) == squares
    with in_threads(abs, [], 2, chunk, ordered) as found:
        assert list(found) == []


def test_an_error_stops_what_has_not_begun():
    begun = []

    def work(number):
        begun.append(number)
        raise KeyError(number)

    with nothing_left(0), pytest.raises(KeyError):
        with in_threads(work, range(100_000), 2) as found:
            next(found)
    assert len(begun) < 100_000
