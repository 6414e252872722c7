from itertools import product

import numpy as np
import pytest
import torch

from mmbalance_plugin.functional import (
    tcmax_from_sums,
    tcmax_loss,
    tcmax_sums,
)


def brute_force(logits, targets):
    """Over all tuples, in a loop."""
    z = [v.numpy() for v in logits.values()]
    batch, classes = z[0].shape
    true = np.mean([sum(v[i, targets[i]] for v in z) for i in range(batch)])
    all_pairs = [
        np.exp(sum(v[i, c] for v, i in zip(z, index)))
        for index in product(range(batch), repeat=len(z))
        for c in range(classes)
    ]
    return np.log(np.mean(all_pairs)) - true


@pytest.fixture
def three():
    rng = np.random.default_rng(0)
    logits = {m: torch.tensor(rng.normal(size=(4, 3))) for m in 'abc'}
    return logits, torch.tensor([0, 2, 1, 1])


def test_golden():
    logits = dict(
        a=torch.tensor([[2., 0.], [0., 1.]], dtype=torch.float64),
        v=torch.tensor([[1., -1.], [-.5, .5]], dtype=torch.float64))
    loss = tcmax_loss(logits, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(-.763003, abs=1e-6)


def test_three_modalities_equal_all_tuples(three):
    loss = tcmax_loss(*three).item()
    assert loss == pytest.approx(.626249, abs=1e-6)
    assert loss == pytest.approx(brute_force(*three), rel=1e-12)


def test_no_evidence_no_loss():
    zeros = dict.fromkeys('ab', torch.zeros(5, 4))
    assert tcmax_loss(zeros, torch.zeros(
        5, dtype=torch.long)).item() == pytest.approx(0, abs=1e-6)


def test_two_halves_add_up_through_their_sums(three):
    logits, targets = three
    parts = [
        tcmax_sums({m: z[s]
                    for m, z in logits.items()}, targets[s])
        for s in (slice(0, 2), slice(2, 4))
    ]
    true = parts[0][0] + parts[1][0]
    merged = torch.logaddexp(parts[0][1], parts[1][1])
    assert tcmax_from_sums(true, merged, 4).item() == pytest.approx(
        tcmax_loss(logits, targets).item())
    local = [tcmax_from_sums(*part, 2).item() for part in parts]
    assert np.mean(local) == pytest.approx(.341576, abs=1e-6)


def test_a_constant_on_all_logits_changes_nothing(three):
    logits, targets = three
    shifted = {m: z + 5 for m, z in logits.items()}
    assert tcmax_loss(shifted, targets).item() == pytest.approx(
        tcmax_loss(logits, targets).item())


def test_exchanged_rows_change_only_the_true_pairs(three):
    logits, targets = three
    exchanged = dict(logits, a=logits['a'].flip(0))
    change = tcmax_loss(exchanged, targets) - tcmax_loss(logits, targets)
    index = torch.arange(4)
    before = logits['a'][index, targets].mean()
    after = exchanged['a'][index, targets].mean()
    assert change.item() == pytest.approx((before - after).item())


def test_large_logits_stay_finite():
    logits = dict.fromkeys('ab', torch.tensor([[3e4, -3e4], [0., 1e4]]))
    assert tcmax_loss(logits, torch.tensor([0, 1])).isfinite()


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match='same shape'):
        tcmax_loss(
            dict(a=torch.zeros(2, 3), b=torch.zeros(2, 4)),
            torch.tensor([0, 1]))
