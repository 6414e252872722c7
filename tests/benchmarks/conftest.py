"""Benchmarks are run in this process: a start costs more than they do."""
import importlib
import sys

import pytest


@pytest.fixture
def run_benchmark(monkeypatch, capsys):
    """Run ``python benchmarks/NAME.py *args`` and return what it prints."""

    def run(name, *args):
        monkeypatch.setattr(sys, 'argv', [f'{name}.py', *map(str, args)])
        importlib.import_module(name).main()
        return capsys.readouterr().out

    return run
