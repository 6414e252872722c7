import math

import pytest
import torch

from mmbalance_plugin.functional import (
    discrepancy_ratios,
    opm_drop_probabilities,
    opm_rescale_factor,
)
from mmbalance_plugin.functional.prediction_modulation import (
    drop_features,
    keep_masks,
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


# ---- masks ---------------------------------------------------------------
def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_rates_are_the_probabilities():
    q = dict(a=torch.tensor(.2), b=torch.tensor(.74), c=torch.tensor(0.))
    keep = keep_masks(q, 20_000, generator())
    for name in q:
        assert keep[name].shape == (20_000, )
        assert keep[name].dtype == torch.bool
        rate = 1 - keep[name].float().mean().item()
        p = q[name].item()
        assert rate == pytest.approx(
            p, abs=4 * math.sqrt(p * (1 - p) / 20_000) + 1e-6)
    assert keep['c'].all()


def test_certainties():
    q = dict(a=torch.tensor(0.), b=torch.tensor(1.))
    keep = keep_masks(q, 5000, generator())
    assert keep['a'].all() and not keep['b'].any()


def test_modalities_and_samples_are_drawn_independently():
    q = dict(a=torch.tensor(.5), b=torch.tensor(.5))
    keep = keep_masks(q, 10_000, generator())
    pairs = torch.stack([keep['a'], keep['b']]).float()
    assert abs(torch.corrcoef(pairs)[0, 1].item()) < .04
    neighbours = torch.stack([pairs[0, 1:], pairs[0, :-1]])
    assert abs(torch.corrcoef(neighbours)[0, 1].item()) < .04


def test_drop_and_scale_by_hand():
    features = dict(a=torch.tensor([[1., 2.], [3., 4.]]),
                    b=torch.tensor([[5.], [6.]]))
    keep = dict(a=torch.tensor([True, False]), b=torch.tensor([True, True]))
    dropped = drop_features(features, keep, torch.tensor(1.5))
    assert dropped['a'].tolist() == [[1.5, 3.], [0., 0.]]
    assert dropped['b'].tolist() == [[7.5], [9.]]
    assert drop_features(features, keep)['a'].tolist() == [[1., 2.], [0., 0.]]
    assert features['a'].tolist() == [[1., 2.], [3., 4.]]


def test_a_dropped_feature_neither_speaks_nor_learns():
    feature = torch.tensor([[math.nan, math.inf], [1., 2.]],
                           requires_grad=True)
    keep = dict(a=torch.tensor([False, True]))
    dropped = drop_features(dict(a=feature), keep, torch.tensor(2.))['a']
    assert dropped.tolist() == [[0., 0.], [2., 4.]]
    dropped.sum().backward()
    assert feature.grad.tolist() == [[0., 0.], [2., 2.]]


def test_features_keep_their_dtype():
    feature = dict(a=torch.ones(2, 3, dtype=torch.bfloat16))
    keep = dict(a=torch.tensor([True, False]))
    dropped = drop_features(feature, keep, torch.tensor(1.5))['a']
    assert dropped.dtype == torch.bfloat16


def test_a_sample_keeps_what_it_would_lose_altogether():
    q = dict(a=torch.tensor(.7), b=torch.tensor(.5), c=torch.tensor(0.))
    there = dict(b=torch.arange(4000) % 2 > 0, c=torch.arange(4000) % 4 > 1)
    plain = keep_masks(q, 4000, generator())
    keep = keep_masks(q, 4000, generator(), there)
    for i, (a, b, c) in enumerate(zip(*(k.tolist() for k in keep.values()))):
        kept = [a, b and bool(there['b'][i]), c and bool(there['c'][i])]
        drawn = [bool(plain[m][i]) and (m == 'a' or bool(there[m][i]))
                 for m in 'abc']
        assert any(kept)
        # Nothing else changes.
        assert kept == drawn or not any(drawn)
