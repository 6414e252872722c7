import copy
import math

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from torch.optim import SGD

from mmbalance_plugin.registry import OPTIM_WRAPPERS
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    backward,
    batches,
    build,
    gradients,
    modulated,
    ogm,
    split,
    weights,
)

TRIPLE = ('rgb', 'flow', 'depth')


def fix_scores(model, monkeypatch, **sums):
    """Let every update see the same score sums."""
    values = {m: torch.tensor(v) for m, v in sums.items()}
    monkeypatch.setattr(model, 'unimodal_scores', lambda *args: values)


# ---- what is scaled, and by how much -----------------------------------
@pytest.mark.parametrize('alpha, k', [(.1, .899085), (.8, .330369)])
def test_golden_step(monkeypatch, alpha, k):
    model = build()
    # The ratio of the fixture with which the released code was run.
    rho = math.atanh(1 - .899085) / .1
    fix_scores(model, monkeypatch, rgb=rho, flow=1.)
    before, after, last = modulated(model, batches(1)[0], alpha=alpha)
    assert last['coefficients']['rgb'].item() == pytest.approx(k, abs=5e-6)
    scaled = {
        name
        for name in before if not torch.equal(before[name], after[name])
    }
    assert scaled == {
        'encoders.rgb.backbone.stages.0.conv.weight',
        'encoders.rgb.backbone.stages.1.conv.weight'
    }
    for name in scaled:
        torch.testing.assert_close(
            after[name], before[name] * k, rtol=2e-5, atol=0)


def test_scores_come_from_the_training_pass():
    model = build()
    batch = batches(1)[0]
    before, after, last = modulated(model, batch, form='tpami')
    data = model.data_preprocessor(batch)
    with torch.no_grad():
        features = model.extract_feat(data['inputs'])
    fc, labels = model.head.fc, [s.gt_label for s in batch['data_samples']]
    start, score = 0, {}
    for m in model.modalities:  # slowly, one sample after the other
        stop = start + features[m].shape[1]
        score[m] = 0.
        for feature, label in zip(features[m], labels):
            logits = fc.weight[:, start:stop] @ feature + fc.bias / 2
            score[m] += logits.softmax(0)[label].item()
        start = stop
    for m, other in (('rgb', 'flow'), ('flow', 'rgb')):
        rho = score[m] / score[other]
        k = 1 - .8 * math.tanh(rho - 1) if rho > 1 else 1.
        assert last['ratios'][m].item() == pytest.approx(rho, rel=1e-5)
        assert last['scores'][m].item() == pytest.approx(
            score[m] / 8, rel=1e-5)
        assert last['coefficients'][m].item() == pytest.approx(k, rel=1e-5)
        name = f'encoders.{m}.backbone.stages.0.conv.weight'
        torch.testing.assert_close(after[name], before[name] * k)
    assert min(k.item() for k in last['coefficients'].values()) < 1


def test_three_modalities_compare_with_the_mean_of_pairs(monkeypatch):
    model = build(TRIPLE)
    fix_scores(model, monkeypatch, rgb=6., flow=2., depth=4.)
    before, after, last = modulated(model, batches(1, modalities=TRIPLE)[0],
                                    alpha=.1)
    rho = dict(
        rgb=(6 / 2 + 6 / 4) / 2,
        flow=(2 / 6 + 2 / 4) / 2,
        depth=(4 / 6 + 4 / 2) / 2)
    for m in TRIPLE:
        assert last['ratios'][m].item() == pytest.approx(rho[m], rel=1e-6)
        k = 1 - math.tanh(.1 * rho[m]) if rho[m] > 1 else 1
        name = f'encoders.{m}.backbone.stages.1.conv.weight'
        torch.testing.assert_close(after[name], before[name] * k)


def test_underflow_gives_a_finite_update(monkeypatch):
    model = build()
    fix_scores(model, monkeypatch, rgb=1., flow=0.)
    _, after, last = modulated(model, batches(1)[0])
    assert last['ratios']['rgb'].item() == pytest.approx(1e12)
    assert last['coefficients']['rgb'].item() == 0
    assert all(g.isfinite().all() for g in after.values())


def test_everything_but_encoder_weights_is_left_alone(monkeypatch):
    model = build(norm=True)
    fix_scores(model, monkeypatch, rgb=1., flow=5.)
    before, after, _ = modulated(model, batches(1)[0])
    scaled = {n for n in before if not torch.equal(before[n], after[n])}
    assert scaled == {
        'encoders.flow.backbone.stages.0.conv.weight',
        'encoders.flow.backbone.stages.1.conv.weight',
        'encoders.flow.proj.weight'
    }


def test_conv_scope_leaves_linear_layers_alone(monkeypatch):
    model = build()
    fix_scores(model, monkeypatch, rgb=1., flow=5.)
    before, after, _ = modulated(model, batches(1)[0], scope='conv')
    scaled = {n for n in before if not torch.equal(before[n], after[n])}
    assert scaled == {
        'encoders.flow.backbone.stages.0.conv.weight',
        'encoders.flow.backbone.stages.1.conv.weight'
    }


@pytest.mark.parametrize('score_mode', ['split', 'zero_out'])
def test_a_chosen_score_mode_is_kept(score_mode):
    model = build(score=score_mode)
    ogm(model)
    assert model.score_mode == score_mode


@pytest.mark.parametrize('head', ['SumHead', 'MLPHead', 'DecisionHead'])
def test_every_head_trains(head):
    model = build(TRIPLE, head=head)
    wrapper = ogm(model)
    for batch in batches(3, modalities=TRIPLE):
        assert model.train_step(batch, wrapper)['loss'].isfinite()
    assert wrapper.method.last['ratios'].keys() == set(TRIPLE)


# ---- identities --------------------------------------------------------
def test_without_strength_it_is_the_plain_wrapper():
    runs = []
    for plain in (True, False):
        model = build()
        wrapper = ogm(model, alpha=0., form='tpami', end_epoch=None)
        if plain:
            wrapper = OptimWrapper(wrapper.optimizer)
        for batch in batches(20):
            model.train_step(batch, wrapper)
        runs.append(weights(model))
    assert_same(*runs)


def test_strength_matters():
    runs = []
    for alpha in (.1, .8):
        model = build()
        wrapper = ogm(model, alpha=alpha)
        for batch in batches(3):
            model.train_step(batch, wrapper)
        runs.append(weights(model))
    name = 'encoders.rgb.backbone.stages.0.conv.weight'
    assert not torch.equal(runs[0][name], runs[1][name])


@pytest.mark.parametrize('noise', [False, True])
@pytest.mark.parametrize('modalities', [('rgb', 'flow'), TRIPLE])
def test_accumulation_equals_a_large_batch(noise, modalities):
    options = dict(generalization_enhancement=noise)
    whole, parts = build(modalities), build(modalities)
    large = ogm(whole, **options)
    small = ogm(parts, accumulative_counts=4, **options)
    for batch in batches(6, size=16, modalities=modalities):
        whole.train_step(batch, large)
        for part in split(batch, 4):
            parts.train_step(part, small)
        first, second = large.method.last, small.method.last
        for kind in ('ratios', 'coefficients', 'scores'):
            assert_close(first[kind], second[kind])
    assert_close(weights(whole), weights(parts))


def test_accumulation_scales_the_gradient_of_the_update_once():
    model = build()
    wrapper = ogm(model, lr=0., momentum=0., accumulative_counts=2)
    first, second = split(batches(1, size=16)[0], 2)
    backward(model, first, wrapper)
    backward(model, second, wrapper)
    before = gradients(model)
    wrapper.step()
    k = wrapper.method.last['coefficients']['rgb']
    assert k < 1
    name = 'encoders.rgb.backbone.stages.0.conv.weight'
    torch.testing.assert_close(gradients(model)[name], before[name] * k)


# ---- around the step ---------------------------------------------------
@pytest.mark.parametrize('scale', [1., 100.])
def test_clipping_bounds_the_noise_too(scale):
    model = build()
    noise = dict(scale=scale)
    wrapper = ogm(
        model,
        lr=1.,
        momentum=0.,
        clip_grad=dict(max_norm=.05),
        generalization_enhancement=noise)
    before = weights(model)
    backward(model, batches(1)[0], wrapper)
    wrapper.step()
    after = weights(model)
    moved = torch.stack([(after[k] - before[k]).norm() for k in after]).norm()
    assert moved.item() == pytest.approx(.05, rel=1e-3)


def test_resume_in_the_middle_is_the_uninterrupted_run():
    data = batches(12)
    options = dict(generalization_enhancement=True, end_epoch=None)
    model = build()
    wrapper = ogm(model, **options)
    for number, batch in enumerate(data):
        if number == 5:
            saved = weights(model), copy.deepcopy(wrapper.state_dict())
        model.train_step(batch, wrapper)
    resumed = build(seed=7)
    resumed.load_state_dict(saved[0])
    again = ogm(resumed, bind=False, **options)
    again.load_state_dict(saved[1])
    torch.rand(3)  # noise does not hang on the global generator
    MessageHub.get_current_instance().update_info('seed', 0)
    again.initialize_count_status(resumed, 5, 1000)
    for batch in data[5:]:
        resumed.train_step(batch, again)
    assert_same(weights(model), weights(resumed))


def test_built_from_a_config():
    model = build()
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='mmbalance_plugin.OGMOptimWrapper',
            alpha=.3,
            clip_grad=dict(max_norm=1.),
            accumulative_counts=2,
            optimizer=SGD(model.parameters(), lr=.1)))
    assert wrapper.method.alpha == .3
    assert wrapper.clip_grad_kwargs == dict(max_norm=1.)
