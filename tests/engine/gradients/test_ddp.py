"""Ranks against one process, and against each other."""
from unittest import mock

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel

from mmbalance_plugin.engine.gradients import ogm as ogm_file
from mmbalance_plugin.utils.streams import stream
from tests.dist_utils import run_ranks
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    batches,
    build,
    ogm,
    split,
    weights,
)


def run(model, data, **options):
    """Coefficients and ratios of every update, and the final weights."""
    wrapper = ogm(model, **options)
    seen = []
    for batch in data:
        model.train_step(batch, wrapper)
        if wrapper.should_update():
            seen.append({
                f'{kind}_{m}': value
                for kind, values in wrapper.method.last.items()
                for m, value in values.items()
            })
    return seen, weights(model)


def rank_run(steps, opm=None, accumulate=1, noise=True):
    data = [split(batch, 2)[get_rank()] for batch in batches(steps, size=16)]
    data = [part for half in data for part in split(half, accumulate)]
    return run(
        MMDistributedDataParallel(build(opm=opm)),
        data,
        accumulative_counts=accumulate,
        generalization_enhancement=noise)


def uneven():
    """Ranks with local batches of 12 and 4."""
    batch = batches(1, size=16)[0]
    cut = slice(0, 12) if get_rank() == 0 else slice(12, 16)
    part = dict(
        inputs={m: v[cut]
                for m, v in batch['inputs'].items()},
        data_samples=batch['data_samples'][cut])
    return run(MMDistributedDataParallel(build()), [part])


def unlike_devices():
    """As on two cards: one seed gives each rank numbers of its own."""
    rank = get_rank()

    def draw(seed, *ids, **kwargs):
        return stream(seed + rank, *ids, **kwargs)

    with mock.patch.object(torch.backends.cpu, 'get_cpu_capability',
                           lambda: f'device {rank}'), \
            mock.patch.object(ogm_file, 'stream', draw):
        return rank_run(4)


def all_runs():
    # Each rank with a seed of its own, as with diff_rank_seed.
    MessageHub.get_current_instance().update_info('seed', 5 + get_rank())
    return dict(
        long=rank_run(50),
        quiet=rank_run(8, noise=False),
        noisy=rank_run(8),
        accumulated=rank_run(8, accumulate=2),
        opm=rank_run(10, opm=dict(warmup_epochs=0)),
        unlike=unlike_devices(),
        uneven=uneven())


@pytest.fixture(scope='module')
def ranks():
    """Every run of each rank: starting processes takes seconds."""
    return run_ranks(all_runs, 2)


def alone(steps, noise=True):
    MessageHub.get_current_instance().update_info('seed', 5)
    return run(
        build(), batches(steps, size=16), generalization_enhancement=noise)


def test_noisy_replicas_stay_identical_for_fifty_steps(ranks):
    (seen, first), (seen_too, second) = (rank['long'] for rank in ranks)
    assert_same(first, second)
    assert len(seen) == 50
    for a, b in zip(seen, seen_too):
        assert_same(a, b)
    assert any(s['coefficients_rgb'] < 1 for s in seen)
    # Without the noise they would have ended elsewhere.
    quiet = alone(50, noise=False)[1]
    assert not torch.allclose(first['head.fc.weight'], quiet['head.fc.weight'])


@pytest.mark.parametrize('name, noise', [('quiet', False), ('noisy', True),
                                         ('accumulated', True)])
def test_two_ranks_are_one_process_with_the_whole_batch(ranks, name, noise):
    (seen, first), (_, second) = (rank[name] for rank in ranks)
    expected, whole = alone(8, noise)
    assert len(seen) == len(expected) == 8
    for a, b in zip(seen, expected):
        assert_close(a, b)
    assert_close(first, whole)
    assert_same(first, second)


def test_opm_beside_it_keeps_replicas_identical(ranks):
    (seen, first), (seen_too, second) = (rank['opm'] for rank in ranks)
    assert_same(first, second)
    for a, b in zip(seen, seen_too):
        assert_same(a, b)


def test_unlike_devices_add_the_noise_of_rank_0(ranks):
    (seen, first), (seen_too, second) = (rank['unlike'] for rank in ranks)
    assert_same(first, second)
    for a, b in zip(seen, seen_too):
        assert_same(a, b)
    assert_close(first, alone(4)[1])


def test_every_sample_counts_the_same(ranks):
    expected = alone(1, noise=False)[0]
    for rank in ranks:
        assert_close(rank['uneven'][0][0], expected[0])
