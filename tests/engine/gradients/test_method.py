"""A gradient method that the core has never heard of."""
from functools import partial

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim.optimizer import amp_optimizer_wrapper
from torch.amp import GradScaler
from torch.optim import SGD

from mmbalance_plugin.engine.gradients import (
    GradientAmpOptimWrapper,
    GradientMethod,
    GradientOptimWrapper,
    OGMOptimWrapper,
)
from mmbalance_plugin.registry import TASK_UTILS
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    backward,
    batches,
    build,
    gradients,
    weights,
)


@TASK_UTILS.register_module()
class Weaken(GradientMethod):
    """Multiplies the gradients of the first modality."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = torch.tensor(factor)
        self.updates = []

    def modulate(self, update):
        self.updates.append((update.number, update.active))
        first = self.model.modalities[0]
        factor = torch.ones(())
        if update.active:
            factor = update.unless_skipped(self.factor, 1.)
        for weight in self.model.encoders[first].parameters():
            weight.grad.mul_(factor)
        return dict(factors={first: factor})


def wrapper_of(model, kind=GradientOptimWrapper, lr=.1, **method):
    """A wrapper, bound."""
    method = dict(
        type='mmbalance_plugin.Weaken', log_interval=1, **method)
    wrapper = kind(
        optimizer=SGD(model.parameters(), lr=lr), method=method)
    wrapper.initialize_count_status(model, 0, 100)
    return wrapper


def test_it_changes_the_gradients_before_the_step():
    model = build()
    wrapper = wrapper_of(model, factor=.5, lr=0.)
    backward(model, batches(1)[0], wrapper)
    before = gradients(model)
    wrapper.step()
    assert_same(
        {k: v * (.5 if k.startswith('encoders.rgb') else 1)
         for k, v in before.items()}, gradients(model))
    hub = MessageHub.get_current_instance()
    assert hub.get_scalar('train/weaken_factor_rgb').current() == .5
    assert wrapper.method.last == dict(factors=dict(rgb=.5))


def test_epochs_that_it_names_itself():
    hub, model = MessageHub.get_current_instance(), build()
    wrapper = wrapper_of(model, factor=.5, start_epoch=1, end_epoch=1)
    for epoch, batch in enumerate(batches(3)):
        hub.update_info('stage_epoch', epoch)
        model.train_step(batch, wrapper)
    assert wrapper.method.updates == [(1, False), (2, True), (3, False)]
    wrapper.method.when = lambda epoch: epoch % 2 == 0
    for epoch, batch in enumerate(batches(2)):
        hub.update_info('stage_epoch', epoch)
        model.train_step(batch, wrapper)
    assert wrapper.method.updates[3:] == [(4, True), (5, False)]


def test_a_unimodal_stage_is_left_alone():
    model = build(head='DecisionHead')
    model.enter_stage(['flow'], 'unimodal')
    wrapper = wrapper_of(model, factor=.5)
    model.train_step(batches(1)[0], wrapper)
    assert wrapper.method.updates == []


def test_a_skipped_step(monkeypatch):
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available',
                        lambda: True)
    monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler',
                        partial(GradScaler, 'cpu', init_scale=4.))
    model = build()
    wrapper = wrapper_of(model, GradientAmpOptimWrapper, factor=.5)
    first, second = batches(2)
    backward(model, first, wrapper)
    model.head.fc.weight.grad[0, 0] = torch.inf
    before = weights(model)
    wrapper.step()
    assert_same(before, weights(model))
    assert wrapper.method.last == dict(factors=dict(rgb=1.))
    wrapper.zero_grad()
    model.train_step(second, wrapper)
    assert wrapper.method.last == dict(factors=dict(rgb=.5))


def test_three_readers_side_by_side():
    """OPM, OGM and the log: each sees all scores, whoever looks first."""
    options = dict(alpha=.8, log_interval=1, accumulative_counts=2)
    model = build(opm=dict(warmup_epochs=0, p_exe=1., log_interval=1))
    wrapper = OGMOptimWrapper(
        optimizer=SGD(model.parameters(), lr=.1), **options)
    wrapper.initialize_count_status(model, 0, 100)
    mine, seen = model.score_reader('mine'), []
    for batch in batches(10):
        model.train_step(batch, wrapper)
        seen.append(mine.read().means)
        if wrapper.should_update():
            assert_close(wrapper.method.last['scores'], {
                m: (seen[-1][m] + seen[-2][m]) / 2 for m in seen[-1]})
    hub = MessageHub.get_current_instance()
    for m in model.modalities:
        assert len(hub.get_scalar(f'train/opm_ratio_{m}').data[0]) == 10
        logged = hub.get_scalar(f'train/score_{m}').data[0].tolist()
        assert logged == pytest.approx(
            [seen[0][m].item(),
             torch.stack([s[m] for s in seen[1:]]).mean().item()])


def test_a_wrapper_without_a_method_says_what_it_needs():
    model = build()
    with pytest.raises(TypeError, match="method=dict.type='mmbalance_plug"):
        GradientOptimWrapper(optimizer=SGD(model.parameters(), lr=.1))
    with pytest.raises(TypeError, match='alpha'):
        OGMOptimWrapper(optimizer=SGD(model.parameters(), lr=.1))
    with pytest.raises(TypeError, match='beta'):
        OGMOptimWrapper(
            optimizer=SGD(model.parameters(), lr=.1), alpha=1., beta=2.)
