"""InfoReg on the multi-loss objective."""
import copy

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from torch.amp import GradScaler
from torch.optim import SGD

from mmbalance_plugin.engine.gradients import (
    GradientOptimWrapper,
    InfoReg,
    modulated_step,
)
from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.functional import inforeg_coefficients
from tests.dist_utils import run_ranks
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    batches,
    build,
    run_cfg,
    split,
    train,
    weights,
)
from tests.engine.modulation_toy import config as toy_config

THREE = ('rgb', 'flow', 'depth')
OBJECTIVE = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss')
]
#: Always open once there are two epochs to compare.
OPEN = dict(type='mmbalance_plugin.InfoReg', threshold=-1e9)


@pytest.fixture(autouse=True)
def alone():
    info = MessageHub.get_current_instance().runtime_info
    before = dict(info)
    yield
    info.clear()
    info.update(before)


def tell(epoch):
    MessageHub.get_current_instance().update_info('stage_epoch', epoch)


def wrap(model, lr=.1, accumulate=1, kind=GradientOptimWrapper, **options):
    wrapper = kind(
        optimizer=SGD(model.parameters(), lr=lr, momentum=.9),
        method={**OPEN, **options},
        accumulative_counts=accumulate)
    wrapper.initialize_count_status(model, 0, 1000)
    return wrapper


def run(data, epochs=4, modalities=('rgb', 'flow'), wrapper=None,
        wrap_model=lambda model: model, **options):
    model = wrap_model(build(modalities, objective=OBJECTIVE))
    wrapper = (wrapper or wrap)(model, **options)
    seen = []
    for epoch in range(epochs):
        tell(epoch)
        for batch in data:
            model.train_step(copy.deepcopy(batch), wrapper)
        seen.append(getattr(wrapper, 'method', None) and wrapper.method.last)
    return weights(model), seen


def encoder_weights(model, modality):
    return [
        p for p in model.encoders[modality].parameters() if p.dim() > 1
    ]


def slow_inforeg(data, epochs, modalities, threshold):
    """Autograd of the penalty itself, and scores from the head."""
    model = build(modalities, objective=OBJECTIVE)
    optimizer = SGD(model.parameters(), lr=.1, momentum=.9)
    traces, pulled = {m: [] for m in modalities}, []
    for _ in range(epochs):
        start = {
            m: [w.detach().clone() for w in encoder_weights(model, m)]
            for m in modalities
        }
        found = {m: [] for m in modalities}
        for batch in data:
            part = model.data_preprocessor(copy.deepcopy(batch), True)
            loss = sum(model(**part, mode='loss').values())
            loss.backward(retain_graph=True)
            for m in modalities:
                grads = [w.grad for w in encoder_weights(model, m)]
                flat = torch.cat([g.flatten() for g in grads])
                found[m].append(float(flat.square().mean()))
            scores = {
                m: s / len(batch['data_samples'])
                for m, s in model.batch_scores.items()
            }
            penalty = loss * 0
            for m, a in inforeg_coefficients(scores, .9).items():
                last = traces[m][-2:]
                if len(last) < 2 or (last[1] - last[0]) / last[1] <= threshold:
                    continue
                pulled.append(bool(a > 0))
                pairs = zip(encoder_weights(model, m), start[m])
                penalty = penalty + a / 2 * sum(
                    (w - w0).square().sum() for w, w0 in pairs)
            penalty.backward()
            optimizer.step()
            optimizer.zero_grad()
        for m in modalities:
            traces[m].append(sum(found[m]) / len(data))
    return weights(model), pulled


@pytest.mark.parametrize('threshold', [-1e9, -.3])
def test_weights_by_an_independent_implementation(threshold):
    data = batches(3, modalities=THREE)
    expected, pulled = slow_inforeg(data, 5, THREE, threshold)
    assert True in pulled and False in pulled
    found, seen = run(data, 5, THREE, threshold=threshold)
    assert_close(found, expected)
    windows = torch.tensor([list(s['windows'].values()) for s in seen])
    assert not windows[:2].any() and windows[2:].any()
    assert threshold < -1 or not windows[2:].all()


def test_outside_of_the_window_it_is_multi_loss():
    found, seen = run(batches(2), threshold=1.)
    assert not any(seen[-1]['coefficients'].values())
    plain, _ = run(
        batches(2),
        wrapper=lambda model: OptimWrapper(
            SGD(model.parameters(), lr=.1, momentum=.9)))
    assert_same(found, plain)
    assert_same(run(batches(2), end_epoch=1)[0], plain)
    pulled, seen = run(batches(2))
    assert sorted(map(bool, seen[-1]['coefficients'].values())) == [
        False, True
    ]
    assert any(not torch.equal(pulled[k], plain[k]) for k in plain)


def test_accumulated_halves_are_the_whole_batch():
    data = batches(3, size=16)
    whole, _ = run(data)
    halves = [part for batch in data for part in split(batch, 2)]
    assert_close(run(halves, accumulate=2)[0], whole)


def rank_run():
    data = [split(b, 2)[get_rank()] for b in batches(3, size=16)]
    return run(data, wrap_model=MultimodalDistributedDataParallel)[0]


def test_two_ranks_are_one_process_with_the_whole_batch():
    first, second = run_ranks(rank_run, 2)
    assert_same(first, second)
    assert_close(first, run(batches(3, size=16))[0])


def scaled_run(scale, spoil=False):
    model = build(objective=OBJECTIVE)
    wrapper = wrap(model)
    scaler = GradScaler('cpu', init_scale=scale, growth_interval=10**6)
    for epoch in range(4):
        tell(epoch)
        for i, batch in enumerate(batches(3)):
            bad = spoil and epoch == 1 and i == 1
            # The batch is seen in any case; its step is skipped, once.
            for spoilt in ((True, False) if bad else (False, )):
                part = model.data_preprocessor(copy.deepcopy(batch), True)
                loss = sum(model(**part, mode='loss').values())
                wrapper.backward(scaler.scale(loss))
                if spoilt:
                    encoder_weights(model, 'rgb')[0].grad[0] = torch.inf
                modulated_step(wrapper, wrapper.method, scaler)
                wrapper.zero_grad()
    return weights(model), wrapper.method.state_dict()['traces']


def test_loss_scales_and_skipped_steps_leave_no_trace():
    plain, _ = run(batches(3))
    found, traces = scaled_run(1024.)
    assert_same(found, plain)
    found, again = scaled_run(1024., spoil=True)
    assert_same(found, plain)
    assert torch.equal(traces, again)


def cfg(work_dir, hook):
    work_dir.mkdir()
    own = dict(
        optim_wrapper=dict(
            type='mmbalance_plugin.GradientOptimWrapper',
            method=OPEN,
            optimizer=dict(type='SGD', lr=.1, momentum=.9)))
    if hook:
        own = dict(custom_hooks=[
            dict(type='mmbalance_plugin.GradientHook', method=OPEN)])
    return run_cfg(
        work_dir, toy_config(objective=OBJECTIVE), epochs=4, **own)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    """Resumed after the second epoch, whose trace it needs at once."""
    whole = train(cfg(tmp_path / 'whole', False))
    assert_same(
        weights(whole.model),
        weights(train(cfg(tmp_path / 'hook', True)).model))
    for hook in (False, True):
        folder = 'hook' if hook else 'whole'
        again = cfg(tmp_path / f'again_{hook}', hook)
        again.load_from = str(tmp_path / folder / 'epoch_2.pth')
        again.resume = True
        assert_same(weights(whole.model), weights(train(again).model))


def test_another_stage_begins_without_traces():
    model = build(objective=OBJECTIVE)
    wrapper = wrap(model)
    for epoch in (0, 1, 2, 0, 1):
        tell(epoch)
        if not epoch:
            wrapper.method.start(model)
        model.train_step(batches(1)[0], wrapper)
        opened = any(wrapper.method.last['windows'].values())
        assert opened == (epoch == 2), epoch


def test_options_are_checked():
    with pytest.raises(ValueError, match='beta'):
        InfoReg(beta=-1.)
