"""Progress on a terminal and in a log."""
import functools

from rich.console import Console
from rich.progress import Progress

from mmbalance_plugin.utils import progress as module
from mmbalance_plugin.utils.progress import progress


def test_a_log_is_not_flooded(capsys):
    with progress(10_000, 'Counting') as advance:
        for _ in range(10_000):
            advance()
    assert capsys.readouterr().out == 'Counting\n'
    with progress(8, 'Counting', seconds=-1) as advance:
        advance(4)
        advance(4)
    assert [line.split(',')[0] for line in
            capsys.readouterr().out.splitlines()] == [
        'Counting', '4 of 8 done', '8 of 8 done']


def test_a_terminal_gets_a_bar_that_ends_full(monkeypatch, capsys):
    monkeypatch.setattr(
        module, 'Console', lambda: Console(force_terminal=True, width=80))
    with progress(1000, 'Counting [x]') as advance:
        for _ in range(1000):
            advance()
    text = capsys.readouterr().out
    assert 'Counting [x]' in text and '100%' in text
    assert text.count('\r') < 50


def test_steps_that_take_minutes_have_an_eta(monkeypatch, capsys):
    now = [0.]
    monkeypatch.setattr(module, 'Progress', functools.partial(
        Progress, get_time=lambda: now[0]))
    with progress(4, 'Counting', seconds=-1) as advance:
        for _ in range(3):
            now[0] += 60
            advance()
    assert capsys.readouterr().out.splitlines()[1:] == [
        '1 of 4 done', '2 of 4 done, about 0:02:00 left',
        '3 of 4 done, about 0:01:00 left']
