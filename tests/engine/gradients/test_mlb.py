"""MLB on the multi-loss objective."""
import copy

import pytest
import torch
from torch.optim import SGD, Adam

from mmbalance_plugin.engine.gradients import MLB, GradientOptimWrapper
from mmbalance_plugin.functional import mlb_coefficients
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    batches,
    build,
    gradients,
    split,
    weights,
)

OBJECTIVE = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss')
]


def wrap(model, optimizer=SGD, lr=.1, accumulate=1, **options):
    wrapper = GradientOptimWrapper(
        optimizer=optimizer(model.parameters(), lr=lr),
        method=dict(type='mmbalance_plugin.MLB', **options),
        accumulative_counts=accumulate)
    wrapper.initialize_count_status(model, 0, 1000)
    return wrapper


def run(data, **options):
    model = build(objective=OBJECTIVE)
    wrapper = wrap(model, **options)
    for batch in data:
        model.train_step(copy.deepcopy(batch), wrapper)
    return weights(model), wrapper.method.last


def test_encoders_are_scaled_on_both_sides_and_the_head_is_not():
    model = build(objective=OBJECTIVE)
    wrapper = wrap(model, lr=0., alpha=2., beta_max=4.)
    data = model.data_preprocessor(batches(1)[0], True)
    with model.stepping():
        losses = model(**data, mode='loss')
    wrapper.backward(sum(losses.values()))
    before = gradients(model)
    wrapper.step()
    after, last = gradients(model), wrapper.method.last
    expected = mlb_coefficients(last['scores'], 2., 4.)
    assert min(expected.values()) < 1 < max(expected.values())
    for name, grad in after.items():
        part = name.split('.')
        factor = 1.
        if part[0] == 'encoders' and grad.ndim > 1:
            factor = expected[part[1]]
        torch.testing.assert_close(grad, factor * before[name])


def test_without_strength_it_is_multi_loss():
    found, last = run(batches(4), alpha=0.)
    assert list(last['coefficients'].values()) == [1, 1]
    plain = build(objective=OBJECTIVE)
    optimizer = SGD(plain.parameters(), lr=.1)
    for batch in batches(4):
        data = plain.data_preprocessor(batch, True)
        sum(plain(**data, mode='loss').values()).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert_same(found, weights(plain))


def test_accumulated_halves_are_the_whole_batch():
    data = batches(4, size=16)
    whole, _ = run(data)
    halves = [part for batch in data for part in split(batch, 2)]
    assert_close(run(halves, accumulate=2)[0], whole)


def test_a_constant_factor_is_nothing_to_adam(monkeypatch):
    for optimizer, seen in ((SGD, True), (Adam, False)):
        ends = []
        for factor in (1., .25):
            monkeypatch.setattr(
                MLB, 'coefficients', lambda self, scores, ratios, f=factor:
                {m: torch.full_like(s, f) for m, s in scores.items()})
            ends.append(run(batches(3), optimizer=optimizer, lr=.01)[0])
        name = 'encoders.rgb.backbone.stages.0.conv.weight'
        moved = (ends[0][name] - ends[1][name]).abs().max()
        assert (moved > 1e-4) == seen


def test_options_are_checked():
    with pytest.raises(ValueError, match='alpha'):
        MLB(alpha=-1.)
