import copy
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from torch.amp import GradScaler
from torch.optim import SGD, Adam

from mmbalance_plugin.engine.gradients import (
    GradientOptimWrapper,
    OGMAmpOptimWrapper,
    OGMOptimWrapper,
    modulated_step,
    to_amp,
)
from mmbalance_plugin.registry import OPTIM_WRAPPERS
from tests.engine.modulation_toy import (
    assert_same,
    batches,
    build,
    gradients,
    ogm,
    weights,
)

NOISY = dict(
    generalization_enhancement=True, clip_grad=dict(max_norm=.5), lr=.1)


def scaled_backward(model, batch, wrapper, scaler):
    data = model.data_preprocessor(batch, True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    wrapper.backward(scaler.scale(wrapper.scale_loss(loss)))


def scaled_step(model, batch, wrapper, scaler):
    scaled_backward(model, batch, wrapper, scaler)
    modulated_step(wrapper, wrapper.method, scaler)
    wrapper.zero_grad()


def train_scaled(scale, count=5, **options):
    model = build()
    wrapper = ogm(model, **{**NOISY, **options})
    scaler = None
    if scale is not None:
        scaler = GradScaler('cpu', init_scale=scale)
    for batch in batches(count):
        if scaler is None:
            model.train_step(batch, wrapper)
        else:
            scaled_step(model, batch, wrapper, scaler)
    return weights(model), wrapper.method.last


@pytest.mark.parametrize('options', [{}, dict(clip_grad=None)])
def test_the_loss_scale_does_not_matter(options):
    unscaled, last = train_scaled(None, **options)
    for scale in (1., 65536.):
        found, last_scaled = train_scaled(scale, **options)
        assert_same(unscaled, found)
        assert_same(last['coefficients'], last_scaled['coefficients'])
    assert min(last['coefficients'].values()) < 1


@pytest.mark.parametrize('std', ['gradient', 'lost'])
@pytest.mark.parametrize('bad', ['inf', 'nan'])
@pytest.mark.parametrize(
    'where', ['head.fc.weight', 'encoders.rgb.backbone.stages.0.conv.weight'])
def test_an_overflow_changes_nothing(where, bad, std):
    model = build()
    wrapper = ogm(
        model, lr=.1, generalization_enhancement=dict(std=std))
    scaler = GradScaler('cpu', init_scale=1024.)
    first, second = batches(2)
    scaled_step(model, first, wrapper, scaler)
    before = weights(model)
    state = copy.deepcopy(wrapper.optimizer.state_dict())
    scaled_backward(model, second, wrapper, scaler)
    model.get_parameter(where).grad.view(-1)[0] = float(bad)
    expected = {k: v / 1024. for k, v in gradients(model).items()}
    modulated_step(wrapper, wrapper.method, scaler)
    assert_same(before, weights(model))
    for index, value in wrapper.optimizer.state_dict()['state'].items():
        assert torch.equal(value['momentum_buffer'],
                           state['state'][index]['momentum_buffer'])
    for name, found in gradients(model).items():
        torch.testing.assert_close(
            found, expected[name], rtol=0, atol=0, equal_nan=True)
    assert max(wrapper.method.last['ratios'].values()) > 1
    assert min(wrapper.method.last['coefficients'].values()) == 1
    assert scaler.get_scale() == 512.


def test_after_an_overflow_training_goes_on():
    model = build()
    wrapper = ogm(model, **NOISY)
    scaler = GradScaler('cpu', init_scale=64.)
    first, second = batches(2)
    scaled_backward(model, first, wrapper, scaler)
    model.encoders['rgb'].backbone.stages[0].conv.weight.grad.fill_(torch.inf)
    modulated_step(wrapper, wrapper.method, scaler)
    wrapper.zero_grad()
    before = weights(model)
    scaled_step(model, second, wrapper, scaler)
    after = weights(model)
    assert all(v.isfinite().all() for v in after.values())
    assert all(not torch.equal(before[k], after[k]) for k in after)
    # Its scores are those of the second batch alone.
    reference = build()
    alone = ogm(reference, lr=0.)
    reference.train_step(second, alone)
    assert_same(alone.method.last['scores'],
                wrapper.method.last['scores'])


def test_clipping_sees_unscaled_modulated_gradients():
    model = build()
    wrapper = ogm(model, lr=1., momentum=0., clip_grad=dict(max_norm=.05),
                  generalization_enhancement=True)
    scaler = GradScaler('cpu', init_scale=65536.)
    before = weights(model)
    scaled_step(model, batches(1)[0], wrapper, scaler)
    after = weights(model)
    moved = torch.stack([(after[k] - before[k]).norm() for k in after]).norm()
    assert moved.item() == pytest.approx(.05, rel=1e-3)


def test_a_disabled_scaler_is_no_scaler():
    model = build()
    wrapper = ogm(model, **NOISY)
    for batch in batches(5):
        scaled_step(model, batch, wrapper, GradScaler('cpu', enabled=False))
    assert_same(train_scaled(None)[0], weights(model))


@pytest.fixture
def amp_on_cpu(monkeypatch):
    """Let MMEngine believe in an accelerator and scale on the CPU."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available',
                        lambda: True)
    monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler',
                        partial(GradScaler, 'cpu'))


@pytest.mark.usefixtures('amp_on_cpu')
def test_the_amp_wrapper_itself(monkeypatch):
    # Without autocast, so that the loss scaling alone is compared.
    monkeypatch.setattr('mmengine.runner.amp.autocast',
                        lambda dtype: nullcontext())
    found = []
    for amp in (False, True):
        model = build()
        options = dict(
            alpha=.8,
            generalization_enhancement=True,
            accumulative_counts=2,
            optimizer=SGD(model.parameters(), lr=.1, momentum=.9),
            clip_grad=dict(max_norm=.5))
        kind = OGMAmpOptimWrapper if amp else OGMOptimWrapper
        wrapper = kind(**options)
        wrapper.initialize_count_status(model, 0, 7)
        for batch in batches(7):
            model.train_step(batch, wrapper)
        found.append(weights(model))
    assert_same(*found)
    assert 'loss_scaler' in wrapper.state_dict()


@pytest.mark.usefixtures('amp_on_cpu')
def test_the_amp_wrapper_in_half_precision():
    model = build()
    wrapper = OGMAmpOptimWrapper(
        alpha=.8,
        generalization_enhancement=True,
        dtype='bfloat16',
        loss_scale=128.,
        optimizer=Adam(model.parameters(), lr=.01))
    wrapper.initialize_count_status(model, 0, 100)
    before = weights(model)
    for batch in batches(3):
        assert model.train_step(batch, wrapper)['loss'].isfinite()
    after = weights(model)
    assert all(not torch.equal(before[k], after[k]) for k in after)
    assert wrapper.loss_scaler.get_scale() == 128.


def test_unscaled_once_an_update(monkeypatch):
    calls = []
    original = GradScaler.unscale_
    monkeypatch.setattr(
        GradScaler, 'unscale_',
        lambda self, optimizer: calls.append(1) or original(self, optimizer))
    model = build()
    wrapper = ogm(model, accumulative_counts=3, clip_grad=dict(max_norm=1.))
    scaler = GradScaler('cpu')
    for number, batch in enumerate(batches(6)):
        scaled_backward(model, batch, wrapper, scaler)
        if wrapper.should_update():
            modulated_step(wrapper, wrapper.method, scaler)
            wrapper.zero_grad()
        assert len(calls) == (number + 1) // 3


# ---- tools/train.py --amp ----------------------------------------------
@pytest.mark.parametrize('before, after', [
    ('OptimWrapper', 'AmpOptimWrapper'),
    ('AmpOptimWrapper', 'AmpOptimWrapper'),
    ('mmengine.OptimWrapper', 'mmengine.AmpOptimWrapper'),
    ('mmbalance_plugin.OGMOptimWrapper',
     'mmbalance_plugin.OGMAmpOptimWrapper'),
    ('mmbalance_plugin.OGMAmpOptimWrapper',
     'mmbalance_plugin.OGMAmpOptimWrapper'),
    ('OGMOptimWrapper', 'OGMAmpOptimWrapper'),
    ('mmbalance_plugin.GradientOptimWrapper',
     'mmbalance_plugin.GradientAmpOptimWrapper'),
    (GradientOptimWrapper, 'mmbalance_plugin.GradientAmpOptimWrapper'),
    (OGMOptimWrapper, 'mmbalance_plugin.OGMAmpOptimWrapper'),
    (OptimWrapper, 'AmpOptimWrapper'),
    (AmpOptimWrapper, 'AmpOptimWrapper'),
])
def test_to_amp(before, after):
    cfg = dict(type=before, optimizer=dict(type='SGD', lr=.1))
    found = to_amp(cfg)
    assert found == dict(
        type=after, loss_scale='dynamic', optimizer=dict(type='SGD', lr=.1))
    assert cfg['type'] is before


def test_to_amp_keeps_a_loss_scale():
    assert to_amp(dict(loss_scale=8.)) == dict(
        type='AmpOptimWrapper', loss_scale=8.)


def test_to_amp_names_what_it_does_not_know():
    with pytest.raises(ValueError, match='mine.Apex'):
        to_amp(dict(type='mine.Apex'))
    with pytest.raises(ValueError, match='no ApexAmpOptimWrapper'):
        to_amp(dict(type='ApexOptimWrapper'))


def test_to_amp_finds_the_twin_of_a_wrapper_of_ones_own():
    for name in ('TestedOptimWrapper', 'TestedAmpOptimWrapper'):
        OPTIM_WRAPPERS.register_module(name, True, OGMOptimWrapper)
    found = to_amp(dict(type='mmbalance_plugin.TestedOptimWrapper'))
    assert found['type'] == 'mmbalance_plugin.TestedAmpOptimWrapper'
