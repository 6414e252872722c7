import os
import time

import pytest
import torch
from mmengine import dist

from tests.dist_utils import run_ranks


def _report(offset, names):
    total = torch.tensor(dist.get_rank() + offset, requires_grad=True)
    value = total.detach().clone()
    dist.all_reduce(value)
    return dict(
        rank=dist.get_rank(),
        env=(os.environ['RANK'], os.environ['WORLD_SIZE']),
        names=names,
        tensors=[total, (value, )])


def test_results_come_back_in_the_order_of_ranks():
    results = run_ranks(_report, 3, 1., ['a'])
    for rank, result in enumerate(results):
        assert result['rank'] == rank and result['names'] == ['a']
        assert result['env'] == (str(rank), '3')
        own, (total, ) = result['tensors']
        assert own.item() == rank + 1. and not own.requires_grad
        assert total.item() == 6.


def _fail_on(rank):
    if dist.get_rank() == rank:
        raise KeyError('the sound is missing')
    # Would wait for ever for the other.
    dist.all_reduce(torch.zeros(1))


@pytest.mark.parametrize('rank', [0, 1])
def test_an_error_is_raised_here_with_its_traceback(rank):
    start = time.monotonic()
    with pytest.raises(RuntimeError, match='the sound is missing') as error:
        run_ranks(_fail_on, 2, rank)
    assert f'rank {rank} of 2' in str(error.value)
    assert '_fail_on' in str(error.value)
    assert time.monotonic() - start < 100, 'waited for the time-out'


def _die():
    if dist.get_rank() == 1:
        os._exit(7)
    dist.all_reduce(torch.zeros(1))


def test_a_dead_rank_does_not_hang():
    with pytest.raises(RuntimeError, match='rank'):
        run_ranks(_die, 2)


def test_the_process_that_asks_has_no_group():
    run_ranks(_report, 1, 0., [])
    assert not torch.distributed.is_initialized()
