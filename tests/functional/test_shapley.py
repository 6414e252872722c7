"""Shapley values against their axioms and a slow second implementation."""
from itertools import permutations

import pytest
import torch

from mmbalance_plugin.functional.shapley import coalitions, shapley_values

NAMES = ('audio', 'visual', 'depth', 'text')


def random_game(names, seed=0, shape=(5, )):
    generator = torch.Generator().manual_seed(seed)
    return {
        frozenset(s): torch.randn(shape, generator=generator).double()
        for s in coalitions(names)
    }


def by_permutations(values, names):
    """Average what each player adds on arrival, over all orders."""
    orders = list(permutations(names))
    total = {name: torch.zeros_like(values[frozenset()]) for name in names}
    for order in orders:
        present = frozenset()
        for name in order:
            joined = present | {name}
            total[name] = total[name] + values[joined] - values[present]
            present = joined
    return {name: value / len(orders) for name, value in total.items()}


def test_coalitions():
    assert coalitions('ab') == [(), ('a', ), ('b', ), ('a', 'b')]
    assert len({frozenset(s) for s in coalitions(range(5))}) == 32


@pytest.mark.parametrize('count', [1, 2, 3, 4])
def test_equals_the_average_over_orders(count):
    names = NAMES[:count]
    game = random_game(names, shape=(5, 2))
    shares, slow = shapley_values(game, names), by_permutations(game, names)
    assert list(shares) == list(names)
    for name in names:
        assert shares[name].shape == (5, 2)
        torch.testing.assert_close(shares[name], slow[name])


@pytest.mark.parametrize('count', [1, 2, 3, 4])
def test_efficiency(count):
    names = NAMES[:count]
    game = random_game(names, seed=count)
    torch.testing.assert_close(
        sum(shapley_values(game, names).values()),
        game[frozenset(names)] - game[frozenset()])


def test_golden_numbers():
    # The glove game: one left glove, two right ones; a pair is worth 1.
    def worth(s):
        return float('left' in s and len(s) > 1)

    names = ('left', 'right', 'other')
    shares = shapley_values({s: worth(s) for s in coalitions(names)}, names)
    expected = dict(left=2 / 3, right=1 / 6, other=1 / 6)
    for name, value in expected.items():
        assert shares[name].item() == pytest.approx(value)


def test_two_modalities_closed_form():
    game = random_game(('a', 'b'))
    nobody, a, b, both = (game[frozenset(s)] for s in ('', 'a', 'b', 'ab'))
    shares = shapley_values(game, ('a', 'b'))
    torch.testing.assert_close(shares['a'], (a - nobody + both - b) / 2)
    torch.testing.assert_close(shares['b'], (b - nobody + both - a) / 2)


def test_symmetry():
    # v depends on how many are there, not on who.
    sizes = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    names = NAMES[:3]
    shares = shapley_values({s: sizes[len(s)] for s in coalitions(names)},
                            names)
    torch.testing.assert_close(shares['audio'], shares['visual'])
    torch.testing.assert_close(shares['audio'], shares['depth'])


def test_dummy_gets_exactly_nothing():
    inner = random_game(NAMES[:3])
    game = {
        frozenset(s): inner[frozenset(s) - {'text'}]
        for s in coalitions(NAMES)
    }
    shares = shapley_values(game, NAMES)
    assert torch.equal(shares['text'], torch.zeros(5).double())
    # ... and its presence changes nobody else's share.
    alone = shapley_values(inner, NAMES[:3])
    for name in NAMES[:3]:
        torch.testing.assert_close(shares[name], alone[name])


def test_additivity():
    one, two = random_game(NAMES, 1), random_game(NAMES, 2)
    both = shapley_values({s: one[s] + 3 * two[s] for s in one}, NAMES)
    first, second = shapley_values(one, NAMES), shapley_values(two, NAMES)
    for name in NAMES:
        torch.testing.assert_close(both[name],
                                   first[name] + 3 * second[name])


def test_order_of_names_does_not_matter():
    game = random_game(NAMES)
    shares = shapley_values(game, NAMES)
    tuples = {tuple(sorted(s, reverse=True)): v for s, v in game.items()}
    again = shapley_values(tuples, NAMES[::-1])
    for name in NAMES:
        torch.testing.assert_close(shares[name], again[name])


def test_dtype_and_gradient():
    half = {s: torch.tensor(len(s), dtype=torch.float16)
            for s in coalitions('ab')}
    assert shapley_values(half, ('a', 'b'))['a'].dtype == torch.float32
    whole = torch.tensor(1., requires_grad=True)
    game = {(): 0., ('a', ): 0., ('b', ): 0., ('a', 'b'): whole}
    shapley_values(game, ('a', 'b'))['a'].backward()
    assert whole.grad.item() == pytest.approx(.5)


@pytest.mark.parametrize(
    'change, message',
    [(lambda g: g.pop(frozenset('a')), r'1 of 4 coalitions.*\{a\}'),
     (lambda g: g.update({('b', 'c'): 0.}), r'\{b, c\} has modalities'),
     (lambda g: g.update({('b', 'a'): 0.}), r'\{a, b\} is given twice'),
     (lambda g: g.update({'a': 0.}), "'a' is a string"),
     (lambda g: g.update({frozenset('a'): torch.zeros(2)}), 'one shape')])
def test_errors_name_the_coalition(change, message):
    game = random_game(('a', 'b'))
    change(game)
    with pytest.raises(ValueError, match=message):
        shapley_values(game, ('a', 'b'))


@pytest.mark.parametrize('names', ['ab', (), ('a', 'a')])
def test_errors_about_names(names):
    with pytest.raises(ValueError, match='different names'):
        shapley_values({(): 0.}, names)
