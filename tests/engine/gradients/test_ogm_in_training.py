"""When OGM acts, what it logs, and what it refuses."""
import pytest
import torch
from mmengine.logging import MessageHub
from torch.utils._python_dispatch import TorchDispatchMode

from tests.engine.modulation_toy import (
    assert_same,
    backward,
    batches,
    build,
    gradients,
    modulated,
    ogm,
)

TRIPLE = ('rgb', 'flow', 'depth')


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
    assert model.score_readers['OGM'].read() is None


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
    assert wrapper.method.last['ratios'].keys() == {'rgb', 'flow'}


def test_a_schedule_is_announced_once(monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmbalance_plugin.engine.gradients.method.print_log',
        lambda text, logger: said.append(text))
    model = build(head='DecisionHead')
    wrapper = ogm(model, end_epoch=7)
    # A loop may count an epoch's updates afresh.
    wrapper.initialize_count_status(model, 8, 16)
    model.enter_stage(['rgb'], 'unimodal')
    wrapper.initialize_count_status(model, 0, 8)
    assert len(said) == 2
    assert 'epoch 0 to epoch 7' in said[0] and '2 of rgb, 3 of flow' in said[0]
    assert 'not modulated' in said[1]


def test_scores_of_before_are_no_part_of_the_first_update():
    model, (first, second) = build(score='auto'), batches(2)
    model(**model.data_preprocessor(first), mode='loss')
    wrapper = ogm(model, lr=0.)
    model.train_step(second, wrapper)
    alone = build()
    reference = ogm(alone, lr=0.)
    alone.train_step(second, reference)
    assert_same(wrapper.method.last['scores'],
                reference.method.last['scores'])


# ---- diagnostics -------------------------------------------------------
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
        # The first one, and every third.
        assert len(calls) == (number in (0, 2))
        assert ('train/ogm_ratio_rgb' in hub.log_scalars)


def test_logged_means():
    model = build()
    wrapper = ogm(model, log_interval=3)
    hub, seen = MessageHub.get_current_instance(), []
    for batch in batches(3):
        model.train_step(batch, wrapper)
        seen.append({
            kind: values['rgb'].item()
            for kind, values in wrapper.method.last.items()
        })
    for kind, name in (('scores', 'score'), ('ratios', 'ratio'),
                       ('coefficients', 'coefficient')):
        logged = hub.get_scalar(f'train/ogm_{name}_rgb').current()
        # The first was logged alone.
        assert logged == pytest.approx(
            sum(s[kind] for s in seen[1:]) / 2, rel=1e-6)
    assert not [k for k in hub.log_scalars if 'loss' in k]


# ---- errors ------------------------------------------------------------
@pytest.mark.parametrize('options, message', [
    (dict(form='iccv'), "'cvpr', 'tpami'"),
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


@pytest.mark.parametrize('epochs, warns', [(4, True), (5, False)])
def test_a_start_that_never_comes_is_told(epochs, warns, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmbalance_plugin.engine.gradients.method.print_log',
        lambda text, logger, level=0: said.append(text) if level else None)
    MessageHub.get_current_instance().update_info('max_epochs', epochs)
    model = build()
    wrapper = ogm(model, start_epoch=4, end_epoch=None)
    for batch in batches(2):
        model.train_step(batch, wrapper)
    assert len(said) == warns
    assert not warns or 'start_epoch=4' in said[0]
