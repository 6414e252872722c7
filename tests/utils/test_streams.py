import pytest
import torch

from mmbalance_plugin.utils.streams import seeded, stream, stream_seed
from tests.dist_utils import run_ranks


def test_seed_is_the_same_on_every_machine_and_version():
    # Fixed: a change would silently change every published run.
    assert stream_seed(0, 'init') == 925402481798332886
    assert stream_seed(42, 'mask', 'audio', 3) == 4762352520938932671


def test_every_part_of_the_name_counts():
    names = [(0, 'init'), (1, 'init'), (0, 'mask'), (0, 'init', 'a'),
             (0, 'init', 'b'), (0, 'init', 'a', 'b'), (0, 'init', 'ab'),
             (0, 'init', 'b', 'a'), (0, 'init', 1), (0, 'init', 2),
             (0, 'init', 1, 2), (0, 'init', 12), (0, 'inita')]
    seeds = [stream_seed(*name) for name in names]
    assert len(set(seeds)) == len(names)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_of_neighbours_are_far_apart():
    seeds = sorted(stream_seed(s, 'mask', e) for s in range(30)
                   for e in range(30))
    gaps = [b - a for a, b in zip(seeds, seeds[1:])]
    assert min(gaps) > 2**30


def test_numbers_and_text_of_an_id_are_the_same_name():
    assert stream_seed(7, 'mask', 3) == stream_seed(7, 'mask', '3')


def test_a_stream_starts_anew_each_time():
    one = torch.rand(5, generator=stream(0, 'mask', 1))
    torch.rand(100)
    two = torch.rand(5, generator=stream(0, 'mask', 1))
    other = torch.rand(5, generator=stream(0, 'mask', 2))
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_a_stream_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    torch.rand(5, generator=stream(0, 'mask'))
    assert torch.equal(torch.get_rng_state(), state)


def test_streams_are_not_correlated():
    draws = torch.stack([
        torch.randn(4000, generator=stream(0, 'mask', i)) for i in range(20)
    ])
    correlation = torch.corrcoef(draws) - torch.eye(20)
    assert correlation.abs().max() < .08


def test_seeded_block_is_reproducible_and_leaves_no_trace():
    state = torch.get_rng_state()
    with seeded(0, 'init', 'audio'):
        one = torch.nn.Linear(3, 3).weight
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)
    with seeded(0, 'init', 'audio'):
        two = torch.nn.Linear(3, 3).weight
    with seeded(0, 'init', 'video'):
        other = torch.nn.Linear(3, 3).weight
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_seeded_draws_what_the_stream_draws():
    with seeded(3, 'noise', 1):
        inside = torch.randn(6)
    assert torch.equal(inside, torch.randn(6, generator=stream(3, 'noise', 1)))


def test_seeded_restores_after_an_error():
    state = torch.get_rng_state()
    with pytest.raises(KeyError):
        with seeded(0, 'init'):
            torch.rand(3)
            raise KeyError
    assert torch.equal(torch.get_rng_state(), state)


def test_blocks_may_be_nested():
    with seeded(0, 'outer'):
        first = torch.rand(2)
        with seeded(0, 'inner'):
            torch.rand(9)
        second = torch.rand(2)
    with seeded(0, 'outer'):
        assert torch.equal(torch.rand(4), torch.cat([first, second]))


def _draw_on_a_rank():
    rank = torch.distributed.get_rank()
    torch.manual_seed(rank)
    return (torch.rand(4, generator=stream(0, 'noise', 5)),
            torch.rand(4, generator=stream(0, 'mask', 5, rank)))


def test_ranks_agree_or_differ_by_name():
    (noise, mask), (noise_1, mask_1) = run_ranks(_draw_on_a_rank, 2)
    assert torch.equal(noise, noise_1) and not torch.equal(mask, mask_1)
