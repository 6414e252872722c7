"""Decision-level fusion against numpy, grids and invariances."""
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmbalance_plugin.functional.fusion import (
    fit_pool_weights,
    label_by_label,
    mean_probability,
    pool_weighted,
    sum_logits,
    two_class_rows,
)

NAMES = ('rgb', 'flow', 'sound')


def random_logits(count=3, rows=7, classes=4, scale=3., seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: scale * torch.randn(rows, classes, generator=generator)
        for name in NAMES[:count]
    }


def probabilities(logits):
    raised = np.exp(logits.double().numpy())
    return raised / raised.sum(axis=1, keepdims=True)


def test_mean_probability_is_the_log_of_the_mean():
    logits = random_logits()
    expected = sum(probabilities(z) for z in logits.values()) / 3
    got = mean_probability(logits).exp().numpy()
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_the_product_rule_normalises_the_product():
    logits = random_logits()
    product = np.prod([probabilities(z) for z in logits.values()], axis=0)
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(sum_logits(logits).exp().numpy(),
                               expected, atol=1e-6)


@pytest.mark.parametrize('rule', [mean_probability, sum_logits])
def test_one_modality_is_itself_and_extremes_are_finite(rule):
    only = random_logits(1)
    expected = only['rgb'].log_softmax(dim=1)
    torch.testing.assert_close(rule(only), expected)
    wild = {
        'rgb': torch.tensor([[1e4, -1e4]], requires_grad=True),
        'flow': torch.tensor([[-1e4, 1e4]], requires_grad=True)
    }
    fused = rule(wild)
    fused[0, 0].backward()
    assert fused.isfinite().all()
    assert wild['rgb'].grad.isfinite().all()


def test_half_precision_is_fused_in_float32():
    logits = {k: v.bfloat16() for k, v in random_logits().items()}
    assert mean_probability(logits).dtype == torch.float32


def test_known_weights_pick_and_mix():
    logits = random_logits(2)
    first = logits['rgb'].log_softmax(dim=1)
    for pool in ('probs', 'log_probs'):
        torch.testing.assert_close(
            pool_weighted(logits, [1., 0.], pool), first)
    torch.testing.assert_close(
        pool_weighted(logits, [.5, .5], 'probs'), mean_probability(logits))
    quarter = (.25 * probabilities(logits['rgb']) +
               .75 * probabilities(logits['flow']))
    np.testing.assert_allclose(
        pool_weighted(logits, [.25, .75]).exp().numpy(), quarter, atol=1e-6)


def grid_best(logits, targets, pool, steps):
    """The best weights on a grid over the simplex, and their NLL."""
    axis = np.linspace(0, 1, steps + 1)
    best = (np.inf, None)
    for head in itertools.product(axis, repeat=len(logits) - 1):
        if sum(head) > 1 + 1e-9:
            continue
        weights = [*head, max(0., 1 - sum(head))]
        log_probs = pool_weighted(logits, torch.tensor(weights).double(), pool)
        nll = -log_probs[torch.arange(len(targets)), targets].mean().item()
        best = min(best, (nll, tuple(weights)))
    return best


@pytest.mark.parametrize('pool', ['probs', 'log_probs'])
@pytest.mark.parametrize('count', [2, 3])
def test_fit_beats_a_grid(pool, count):
    logits = {
        k: v.double()
        for k, v in random_logits(count, rows=60, seed=count).items()
    }
    # Labels that the modalities know to unequal degrees.
    targets = (1.5 * logits['rgb'] + logits['flow']).argmax(dim=1)
    targets[::5] = (targets[::5] + 1) % 4
    weights = fit_pool_weights(logits, targets, pool)
    assert weights.sum().item() == pytest.approx(1, abs=1e-12)
    assert (weights >= 0).all()
    fitted = pool_weighted(logits, weights, pool)
    nll = -fitted[torch.arange(60), targets].mean().item()
    steps = 200 if count == 2 else 40
    best_nll, best = grid_best(logits, targets, pool, steps)
    assert nll <= best_nll + 1e-7
    np.testing.assert_allclose(weights.numpy(), best, atol=2 / steps)


@pytest.mark.parametrize('pool', ['probs', 'log_probs'])
def test_a_confidently_wrong_modality_gets_no_weight(pool):
    targets = torch.arange(40) % 4
    right = 5. * torch.nn.functional.one_hot(targets, 4)
    wrong = 50. * torch.nn.functional.one_hot((targets + 1) % 4, 4)
    weights = fit_pool_weights({'flow': wrong, 'rgb': right}, targets, pool)
    assert weights[1] > .999


@pytest.mark.parametrize('pool', ['probs', 'log_probs'])
def test_fit_survives_extreme_logits(pool):
    targets = torch.arange(40) % 2
    sure = 1e4 * (2. * torch.nn.functional.one_hot(targets, 2) - 1)
    sure[:10] *= -1
    other = 1e4 * (2. * torch.nn.functional.one_hot(targets, 2) - 1)
    other[10:13] *= -1
    weights = fit_pool_weights({'rgb': sure, 'flow': other}, targets, pool)
    assert weights.isfinite().all()
    assert weights.sum().item() == pytest.approx(1)
    if pool == 'probs':
        # Stationarity, by hand: 27 samples say nothing about the weights,
        # 10 count flow only, 3 rgb only.
        assert weights[1].item() == pytest.approx(10 / 13, abs=1e-4)


def test_order_of_the_modalities_does_not_matter():
    logits = random_logits(3, rows=50)
    targets = logits['flow'].argmax(dim=1)
    targets[:20] = logits['rgb'][:20].argmax(dim=1)
    weights = dict(zip(logits, fit_pool_weights(logits, targets)))
    turned = {name: logits[name] for name in reversed(NAMES)}
    again = dict(zip(turned, fit_pool_weights(turned, targets)))
    for name in NAMES:
        assert again[name].item() == pytest.approx(
            weights[name].item(), abs=1e-4)


def test_errors_say_what_is_wrong():
    logits = random_logits(2)
    with pytest.raises(ValueError, match='no modality'):
        mean_probability({})
    with pytest.raises(ValueError, match=r"'flow': \(3, 4\)"):
        sum_logits({'rgb': logits['rgb'], 'flow': logits['flow'][:3]})
    with pytest.raises(ValueError, match='rgb, flow'):
        pool_weighted(logits, [1.])
    with pytest.raises(ValueError, match='linear'):
        pool_weighted(logits, [.5, .5], 'linear')
    with pytest.raises(ValueError, match='targets'):
        fit_pool_weights(logits, torch.zeros(3, dtype=torch.long))
    logits['flow'][2] = float('nan')
    with pytest.raises(ValueError, match='flow'):
        fit_pool_weights(logits, torch.zeros(7, dtype=torch.long))


RULES = {
    'mean': mean_probability,
    'sum': sum_logits,
    'linear': lambda z, p=None: pool_weighted(z, WEIGHTS, 'probs', p),
    'log': lambda z, p=None: pool_weighted(z, WEIGHTS, 'log_probs', p),
}
WEIGHTS = torch.tensor([.6, .1, .3])


@pytest.mark.parametrize('rule', RULES)
def test_absent_modalities_are_left_out_of_each_sample(rule):
    logits = random_logits(rows=8)
    present = {
        m: torch.tensor([bool(i >> k & 1) for i in range(8)])
        for k, m in enumerate(NAMES)
    }
    # Whatever stands there.
    spoilt = {m: z.masked_fill(~present[m][:, None], float('nan'))
              for m, z in logits.items()}
    got = RULES[rule](spoilt, present)
    for i in range(8):
        there = [m for k, m in enumerate(NAMES) if i >> k & 1]
        row = {m: logits[m][i:i + 1] for m in there}
        if not there:
            torch.testing.assert_close(
                got[i].exp(), torch.full((4, ), .25))
        elif rule in ('linear', 'log'):
            w = torch.stack([WEIGHTS[NAMES.index(m)] for m in there])
            expected = pool_weighted(
                row, w / w.sum(), 'probs' if rule == 'linear' else
                'log_probs')[0]
            torch.testing.assert_close(got[i], expected)
        else:
            torch.testing.assert_close(got[i], RULES[rule](row)[0])


@pytest.mark.parametrize('rule', RULES)
def test_gradients_of_what_is_absent_are_zero(rule):
    logits = {m: z.requires_grad_() for m, z in random_logits(rows=3).items()}
    present = dict(rgb=torch.tensor([True, False, False]),
                   flow=torch.tensor([True, True, False]),
                   sound=torch.tensor([True, True, False]))
    RULES[rule](logits, present)[:, 0].sum().backward()
    for m, z in logits.items():
        assert z.grad.isfinite().all()
        assert not z.grad[~present[m]].any()
        assert z.grad[0].any()


def test_labels_are_problems_of_two_classes():
    z = torch.tensor([[2., -1., 0.], [.5, 3., -2.]])
    y = torch.tensor([[1., 0., 0.], [0., 1., 1.]])
    rows = two_class_rows(z)
    assert rows.shape == (6, 2)
    torch.testing.assert_close(rows.softmax(1)[:, 0].view(2, 3), z.sigmoid())
    torch.testing.assert_close(
        F.cross_entropy(rows, 1 - y.flatten().long()),
        F.binary_cross_entropy_with_logits(z, y))


def test_rules_combine_each_label_by_itself():
    generator = torch.Generator().manual_seed(0)
    logits = {m: torch.randn(4, 3, generator=generator) for m in 'abc'}
    odds = label_by_label(sum_logits, logits)
    torch.testing.assert_close(odds, sum(logits.values()))
    mean = label_by_label(mean_probability, logits)
    p = sum(z.sigmoid() for z in logits.values()) / 3
    torch.testing.assert_close(mean, p.logit())
    # What a sample lacks is left out of it, and of no other.
    present = dict(b=torch.tensor([True, False, True, True]))
    some = label_by_label(mean_probability, logits, present)
    p = (logits['a'].sigmoid() + logits['c'].sigmoid()) / 2
    torch.testing.assert_close(some[1], p.logit()[1])
    torch.testing.assert_close(some[[0, 2, 3]], mean[[0, 2, 3]])
