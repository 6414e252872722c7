import math

import pytest
import torch

from mmbalance_plugin.functional.prediction_modulation import (
    drop_features,
    keep_masks,
)


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
