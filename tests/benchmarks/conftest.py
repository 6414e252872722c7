"""Benchmarks are run in this process: a start costs more than they do."""
import importlib
import sys

import pytest

from mmbalance_plugin.datasets.cache import file_state


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Do not wait until the clips that were just made may be cached."""
    monkeypatch.setattr(file_state, 'SETTLED', -10**12)


@pytest.fixture
def run_benchmark(monkeypatch, capsys):
    """Run ``python benchmarks/NAME.py *args`` and return what it prints."""

    def run(name, *args):
        monkeypatch.setattr(sys, 'argv', [f'{name}.py', *map(str, args)])
        importlib.import_module(name).main()
        return capsys.readouterr().out

    return run
