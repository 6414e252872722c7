"""Rows of several ranks in the order of the data set."""
import pytest
import torch
from mmengine.dist import get_rank, get_world_size

from mmbalance_plugin.engine.gathered_rows import GatheredRows
from tests.dist_utils import run_ranks


def whole(count):
    return torch.arange(2. * count).view(count, 2)


def fill(count, size=2):
    """What a rank adds: its rows, some of the first ones to even out."""
    rank, world = get_rank(), get_world_size()
    rounds = -(-count // world)
    own = [(rank + i * world) % count for i in range(rounds)]
    rows = GatheredRows(count)
    for start in range(0, rounds, size):
        batch = whole(count)[own[start:start + size]]
        rows.add(dict(a=batch[:, :1], b=batch))
    return rows.columns()


@pytest.mark.parametrize('world', [1, 3])
def test_order(world):
    results = run_ranks(fill, world, 7) if world > 1 else [fill(7)]
    for result in results:
        assert torch.equal(result['a'], whole(7)[:, :1])
        assert torch.equal(result['b'], whole(7))


def test_another_device():
    rows = GatheredRows(2, 'meta')
    rows.add(dict(a=torch.ones(2, 3)))
    assert rows.columns()['a'].is_meta
