import math

import pytest
import torch

from mmbalance_plugin.functional import discrepancy_ratios


def sums(**values):
    return {name: torch.tensor(value) for name, value in values.items()}


def test_two_modalities_have_reciprocal_ratios():
    ratios = discrepancy_ratios(sums(sound=6., frames=1.5))
    assert list(ratios) == ['sound', 'frames']
    assert ratios['sound'].item() == 4.
    assert ratios['frames'].item() == .25


def test_three_modalities_take_the_mean_of_pairwise_ratios():
    ratios = discrepancy_ratios(sums(pix=8., fou=4., mor=1.))
    # By hand: (8/4 + 8/1) / 2, (4/8 + 4/1) / 2, (1/8 + 1/4) / 2.
    assert [r.item() for r in ratios.values()] == [5., 2.25, .1875]


def test_four_modalities_against_a_plain_loop():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(4, generator=generator, dtype=torch.float64) * 9 + .1
    ratios = discrepancy_ratios(dict(zip('abcd', values)))
    for i, name in enumerate('abcd'):
        expected = sum(values[i].item() / values[j].item()
                       for j in range(4) if j != i) / 3
        assert ratios[name].item() == pytest.approx(expected, rel=1e-12)


def test_the_order_of_modalities_does_not_matter():
    one = discrepancy_ratios(sums(a=3., b=2., c=.7))
    other = discrepancy_ratios(sums(c=.7, a=3., b=2.))
    for name in 'abc':
        assert one[name].item() == pytest.approx(other[name].item(), rel=1e-6)


def test_scale_of_the_sums_does_not_matter():
    one = discrepancy_ratios(sums(a=3., b=2., c=.5))
    other = discrepancy_ratios(sums(a=3 / 64, b=2 / 64, c=.5 / 64))
    assert one == other


@pytest.mark.parametrize('count', [2, 3, 4, 7, 50])
def test_the_weakest_never_exceeds_one(count):
    generator = torch.Generator().manual_seed(count)
    for _ in range(200):
        values = torch.rand(count, generator=generator)
        # Ties at the bottom, where rounding would show first.
        values[1] = values[0] = values.min()
        ratios = discrepancy_ratios(
            {str(i): value for i, value in enumerate(values)})
        assert ratios['0'].item() <= 1 and ratios['1'].item() <= 1


@pytest.mark.parametrize('count', [2, 3, 50])
def test_equal_modalities_are_exactly_level(count):
    ratios = discrepancy_ratios(
        {str(i): torch.tensor(.1) for i in range(count)})
    assert {r.item() for r in ratios.values()} == {1.}


def test_underflow_is_clamped_at_1e_12():
    ratios = discrepancy_ratios(sums(a=2., b=0.))
    assert ratios['a'].item() == pytest.approx(2e12, rel=1e-6)
    assert ratios['b'].item() == pytest.approx(5e-13, rel=1e-6)
    # Just above and just below the clamp.
    double = {
        'a': torch.tensor(1., dtype=torch.float64),
        'b': torch.tensor(2e-12, dtype=torch.float64),
        'c': torch.tensor(1e-13, dtype=torch.float64)
    }
    assert discrepancy_ratios(double)['a'].item() == pytest.approx(
        (5e11 + 1e12) / 2, rel=1e-12)


def test_everything_underflowed_is_level():
    ratios = discrepancy_ratios(sums(a=0., b=0., c=0.))
    assert {r.item() for r in ratios.values()} == {1.}


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_sums_are_safe(dtype):
    ratios = discrepancy_ratios({
        'a': torch.tensor(8., dtype=dtype),
        'b': torch.tensor(0., dtype=dtype)
    })
    assert ratios['a'].dtype == torch.float32
    assert ratios['a'].item() == pytest.approx(8e12, rel=1e-6)


def test_double_precision_is_kept():
    ratios = discrepancy_ratios({
        'a': torch.tensor(1., dtype=torch.float64),
        'b': torch.tensor(3., dtype=torch.float64)
    })
    assert ratios['a'].item() == pytest.approx(1 / 3, rel=1e-15)


def test_nan_is_not_hidden():
    ratios = discrepancy_ratios(sums(a=math.nan, b=1.))
    assert all(r.isnan() for r in ratios.values())


def test_inputs_stay_as_they_are():
    given = sums(a=6., b=0.)
    discrepancy_ratios(given)
    assert given == sums(a=6., b=0.)


def test_nothing_is_read_on_the_host():
    # A meta tensor has no value to read.
    ratios = discrepancy_ratios(
        {name: torch.zeros((), device='meta') for name in 'abc'})
    assert all(r.is_meta and r.shape == () for r in ratios.values())


@pytest.mark.parametrize('given', [{}, {'flow': torch.tensor(1.)}])
def test_nothing_to_compare(given):
    with pytest.raises(ValueError, match='at least two') as error:
        discrepancy_ratios(given)
    assert str(sorted(given)) in str(error.value)


def test_different_counts_compare_means():
    ratios = discrepancy_ratios(sums(a=6., b=1.), sums(a=12., b=4.))
    assert ratios['a'].item() == pytest.approx(.5 / .25)
    assert ratios['b'].item() == pytest.approx(.25 / .5)


def test_equal_counts_change_no_bit():
    given = sums(a=5.123, b=1.234, c=3.3)
    counted = discrepancy_ratios(given, sums(a=7., b=7., c=7.))
    for name, ratio in discrepancy_ratios(given).items():
        assert torch.equal(counted[name], ratio)


def test_a_modality_without_samples_is_level():
    ratios = discrepancy_ratios(
        sums(a=6., b=2., c=0.), sums(a=8., b=8., c=0.))
    assert {m: r.item() for m, r in ratios.items()} == pytest.approx(
        dict(a=(3 + 1) / 2, b=(1 / 3 + 1) / 2, c=1.))
