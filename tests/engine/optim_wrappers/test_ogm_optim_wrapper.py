import copy
import math

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from torch.optim import SGD
from torch.utils._python_dispatch import TorchDispatchMode

from mmbalance_plugin.registry import OPTIM_WRAPPERS
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    backward,
    batches,
    build,
    gradients,
    ogm,
    split,
    weights,
)

TRIPLE = ('rgb', 'flow', 'depth')


def modulated(model, batch, **options):
    """Gradients before and after the step of a wrapper that moves nothing."""
    wrapper = ogm(model, lr=0., momentum=0., **options)
    backward(model, batch, wrapper)
    before = gradients(model)
    wrapper.step()
    return before, gradients(model), wrapper.modulator.last


def fix_scores(model, monkeypatch, **sums):
    """Let every update see the same score sums."""
    values = {m: torch.tensor(v) for m, v in sums.items()}
    monkeypatch.setattr(
        type(model), 'pop_scores', lambda self: (dict(values), 8))


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
    assert wrapper.modulator.last['ratios'].keys() == set(TRIPLE)


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
        first, second = large.modulator.last, small.modulator.last
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
    k = wrapper.modulator.last['coefficients']['rgb']
    assert k < 1
    name = 'encoders.rgb.backbone.stages.0.conv.weight'
    torch.testing.assert_close(gradients(model)[name], before[name] * k)


# ---- when --------------------------------------------------------------
@pytest.mark.parametrize('epoch, modulates', [(0, False), (1, False),
                                              (2, True), (3, True), (4, True),
                                              (5, False)])
@pytest.mark.parametrize('key', ['epoch', 'stage_epoch'])
def test_first_and_last_epoch_are_inclusive(epoch, modulates, key):
    hub = MessageHub.get_current_instance()
    hub.update_info('epoch', 100)
    hub.update_info(key, epoch)
    before, after, last = modulated(
        build(),
        batches(1)[0],
        start_epoch=2,
        end_epoch=4,
        generalization_enhancement=True)
    changed = any(not torch.equal(before[n], after[n]) for n in before)
    assert changed == modulates
    assert (min(last['coefficients'].values()) < 1) == modulates
    assert max(last['ratios'].values()) > 1  # watched all the same


@pytest.mark.parametrize('end, modulates', [(50, False), (None, True)])
def test_default_end_is_the_released_codes(end, modulates):
    hub = MessageHub.get_current_instance()
    options = {} if end == 50 else dict(end_epoch=end)
    for epoch, expected in ((50, True), (51, modulates)):
        hub.update_info('epoch', epoch)
        *_, last = modulated(build(), batches(1)[0], **options)
        assert (min(last['coefficients'].values()) < 1) == expected


def test_an_epoch_without_modulation_keeps_no_scores():
    hub = MessageHub.get_current_instance()
    model, batch = build(), batches(1)[0]
    wrapper = ogm(model, start_epoch=1)
    hub.update_info('epoch', 0)
    model.train_step(batch, wrapper)
    assert model.score_count == 0


def test_a_unimodal_stage_is_not_modulated():
    model = build(head='DecisionHead')
    model.enter_stage(['rgb'], 'unimodal')
    hub = MessageHub.get_current_instance()
    hub.update_scalar('train/ogm_ratio_rgb', 1.)
    wrapper = ogm(model, generalization_enhancement=True)
    batch = batches(1)[0]
    backward(model, batch, wrapper)
    before = gradients(model)
    wrapper.step()
    assert_same(before, gradients(model))
    assert 'train/ogm_ratio_rgb' not in hub.log_scalars
    model.leave_stage()
    wrapper = ogm(model)
    model.train_step(batch, wrapper)
    assert wrapper.modulator.last['ratios'].keys() == {'rgb', 'flow'}


def test_scores_of_before_are_no_part_of_the_first_update():
    model, (first, second) = build(score='auto'), batches(2)
    model(**model.data_preprocessor(first), mode='loss')
    wrapper = ogm(model, lr=0.)
    model.train_step(second, wrapper)
    alone = build()
    reference = ogm(alone, lr=0.)
    alone.train_step(second, reference)
    assert_same(wrapper.modulator.last['scores'],
                reference.modulator.last['scores'])


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


class NoHostCopies(TorchDispatchMode):
    """Fails where a device would have to be waited for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert 'local_scalar_dense' not in str(func), func
        return func(*args, **(kwargs or {}))


def test_no_copy_to_the_host_until_the_log_interval(monkeypatch):
    model = build(TRIPLE)
    wrapper = ogm(model, generalization_enhancement=True, log_interval=3)
    hub = MessageHub.get_current_instance()
    calls, original = [], torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, 'tolist',
                        lambda self: calls.append(1) or original(self))
    for number, batch in enumerate(batches(3, modalities=TRIPLE)):
        backward(model, batch, wrapper)
        calls.clear()
        with NoHostCopies():
            wrapper.step()
        assert len(calls) == (number == 2)
        assert ('train/ogm_ratio_rgb' in hub.log_scalars) == (number == 2)


def test_logged_means():
    model = build()
    wrapper = ogm(model, log_interval=2)
    hub, seen = MessageHub.get_current_instance(), []
    for batch in batches(2):
        model.train_step(batch, wrapper)
        seen.append({
            kind: values['rgb'].item()
            for kind, values in wrapper.modulator.last.items()
        })
    for kind, name in (('scores', 'score'), ('ratios', 'ratio'),
                       ('coefficients', 'coefficient')):
        logged = hub.get_scalar(f'train/ogm_{name}_rgb').current()
        assert logged == pytest.approx(
            sum(s[kind] for s in seen) / 2, rel=1e-6)
    assert not [k for k in hub.log_scalars if 'loss' in k]


# ---- errors ------------------------------------------------------------
@pytest.mark.parametrize('options, message', [
    (dict(form='iccv'), "'cvpr' or 'tpami'"),
    (dict(alpha=-1.), 'negative'),
    (dict(alpha=1.5, form='tpami'), 'backwards'),
    (dict(scope='linear'), 'scope'),
    (dict(start_epoch=3, end_epoch=2), 'end_epoch=2'),
    (dict(log_interval=0), 'log_interval'),
    (dict(generalization_enhancement=dict(std='big')), 'std'),
    (dict(generalization_enhancement=dict(scope='some')), 'scope'),
    (dict(generalization_enhancement=dict(distribution='t')), 'distribution'),
    (dict(generalization_enhancement=dict(scale=-1.)), 'scale'),
])
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        ogm(build(), bind=False, **{'alpha': .1, **options})


def test_enhancement_is_a_switch_or_options():
    with pytest.raises(TypeError, match="'normal'"):
        ogm(build(), bind=False, generalization_enhancement='normal')
    with pytest.raises(TypeError, match='sigma'):
        ogm(build(), bind=False, generalization_enhancement=dict(sigma=1))


def test_a_model_without_scores_is_named():
    model = torch.nn.Linear(2, 2)
    with pytest.raises(TypeError, match='Linear has no encoders'):
        ogm(model)


def test_one_modality_has_nobody_to_compare_with():
    with pytest.raises(ValueError, match="'rgb'"):
        ogm(build(('rgb', )))


def test_an_unbound_step_says_what_to_call():
    model = build()
    wrapper = ogm(model, bind=False)
    with pytest.raises(RuntimeError, match='initialize_count_status'):
        model.train_step(batches(1)[0], wrapper)


def test_a_step_without_scores_says_why():
    model = build().eval()
    wrapper = ogm(model)
    with pytest.raises(RuntimeError, match='eval'):
        model.train_step(batches(1)[0], wrapper)


def test_built_from_a_config():
    model = build()
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='mmbalance_plugin.OGMOptimWrapper',
            alpha=.3,
            clip_grad=dict(max_norm=1.),
            accumulative_counts=2,
            optimizer=SGD(model.parameters(), lr=.1)))
    assert wrapper.modulator.alpha == .3
    assert wrapper.clip_grad_kwargs == dict(max_norm=1.)
