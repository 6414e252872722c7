import math

import pytest
import torch

from mmbalance_plugin.functional import (
    discrepancy_ratios,
    opm_drop_probabilities,
    opm_rescale_factor,
)


def probability(rho, q_base=.5, lam=.5):
    ratios = {'m': torch.tensor(rho, dtype=torch.float64)}
    return opm_drop_probabilities(ratios, q_base, lam)['m'].item()


@pytest.mark.parametrize('rho, q', [(1.2, .549), (2., .690), (3., .741),
                                    (5., .750)])
def test_golden_values(rho, q):
    assert probability(rho) == pytest.approx(q, abs=5e-4)


def test_golden_step():
    ratios = discrepancy_ratios(dict(a=torch.tensor(3.), b=torch.tensor(1.)))
    q = opm_drop_probabilities(ratios, q_base=.5, lam=.5)
    assert q['a'].item() == pytest.approx(.7410, abs=5e-5)
    assert q['b'].item() == 0.
    widths = dict(a=512, b=512)
    assert opm_rescale_factor(q, widths).item() == pytest.approx(
        1.5886, abs=5e-5)


@pytest.mark.parametrize('rho', [1.01, 1.7, 8.])
@pytest.mark.parametrize('q_base, lam', [(.5, .5), (.3, 0.), (.2, 1.5)])
def test_formula(rho, q_base, lam):
    assert probability(rho, q_base, lam) == pytest.approx(
        q_base * (1 + lam * math.tanh(rho - 1)), rel=1e-12)


@pytest.mark.parametrize('rho', [0., .5, .999999, 1., math.nan])
def test_whoever_is_not_ahead_is_never_dropped(rho):
    assert probability(rho) == 0.


def test_jump_at_one():
    assert probability(1 + 1e-9) == pytest.approx(.5, abs=1e-8)


def test_clipped_to_a_probability():
    assert probability(9., q_base=.9, lam=1.) == 1.
    assert probability(9., q_base=.5, lam=-3.) == 0.
    assert probability(math.inf) == pytest.approx(.75)


def test_the_weakest_of_many_is_never_dropped():
    generator = torch.Generator().manual_seed(1)
    for _ in range(200):
        values = torch.rand(4, generator=generator)
        names = 'abcd'
        q = opm_drop_probabilities(
            discrepancy_ratios(dict(zip(names, values))), .9, .9)
        assert q[names[int(values.argmin())]].item() == 0.
        assert q[names[int(values.argmax())]].item() >= .9


def test_share_weighs_by_width():
    q = dict(a=torch.tensor(.8), b=torch.tensor(.2), c=torch.tensor(0.))
    # (30 * .8 + 60 * .2) / 100 of the channels.
    factor = opm_rescale_factor(q, dict(c=10, a=30, b=60))
    assert factor.item() == pytest.approx(1 / (1 - .36))


def test_no_drop_is_no_rescaling():
    q = dict(a=torch.tensor(0.), b=torch.tensor(0.))
    assert opm_rescale_factor(q, dict(a=3, b=5)).item() == 1.


def test_rescaled_features_keep_their_expected_sum():
    # What the factor is for, with modalities of equal value per channel.
    q = dict(a=torch.tensor(.7), b=torch.tensor(0.))
    widths = dict(a=24, b=8)
    kept = sum(widths[m] * (1 - q[m]) for m in widths)
    assert (opm_rescale_factor(q, widths) * kept).item() == pytest.approx(32)


def test_nothing_is_read_on_the_host():
    ratios = {name: torch.ones((), device='meta') for name in 'ab'}
    q = opm_drop_probabilities(ratios, .5, .5)
    factor = opm_rescale_factor(q, dict(a=3, b=5))
    assert factor.is_meta and factor.shape == ()


def test_mismatched_modalities_are_named():
    with pytest.raises(ValueError, match=r"\['a', 'b'\].*\['a', 'c'\]"):
        opm_rescale_factor(
            dict(a=torch.tensor(.5), b=torch.tensor(0.)), dict(a=1, c=2))
