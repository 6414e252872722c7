"""Clips that a test has just written count as files at rest."""
import pytest

from mmbalance_plugin.datasets.cache import file_state


@pytest.fixture
def settled(monkeypatch):
    """Let the cache keep what it makes of files that are seconds old."""
    monkeypatch.setattr(file_state, 'SETTLED', -10**12)
