"""MMPareto in training: its gradients, ranks, accumulation, loss scales."""
import copy

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch.amp import GradScaler
from torch.optim import SGD

from mmbalance_plugin.engine.steps import (
    MMPareto,
    MultimodalDistributedDataParallel,
)
from tests.dist_utils import run_ranks
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    batches,
    build,
    config,
    run_cfg,
    split,
    train,
    weights,
)

OBJECTIVE = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss')
]
STEP = dict(type='mmbalance_plugin.MMPareto')


def pareto(step=STEP, **kwargs):
    return build(objective=OBJECTIVE, step=step, **kwargs)


def wrap(model, lr=.1, **kwargs):
    wrapper = OptimWrapper(
        SGD(model.parameters(), lr=lr, momentum=.9), **kwargs)
    wrapper.initialize_count_status(model, 0, 1000)
    return wrapper


def run(model, data, **kwargs):
    wrapper = wrap(model, **kwargs)
    for batch in data:
        log = model.train_step(copy.deepcopy(batch), wrapper)
    return weights(model), log


def gradients_of(model, batch, wanted):
    """Plain autograd of some of the losses, on a copy of the model."""
    model = copy.deepcopy(model)
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    with model.stepping():
        losses = model(**data, mode='loss')
    sum(v for k, v in losses.items() if wanted(k)).backward()
    return {
        n: torch.zeros_like(p) if p.grad is None else p.grad
        for n, p in model.named_parameters()
    }


def slow_direction(gm, gu, norm):
    """Of an encoder's list of tensors, by the paper or the code."""
    fused, own = (torch.cat([g.flatten() for g in gs]) for gs in (gm, gu))
    share = .5
    if fused @ own < 0:
        share = float((own - fused) @ own / (own - fused).square().sum())
    pieces = [2 * share * m + 2 * (1 - share) * u for m, u in zip(gm, gu)]
    length = torch.cat([p.flatten() for p in pieces]).norm()
    whole = float((fused + own).norm() / length)
    return [
        1.5 * piece *
        (whole if norm == 'encoder' else max(
            1., float((m + u).norm() / piece.norm())))
        for piece, m, u in zip(pieces, gm, gu)
    ]


@pytest.mark.parametrize('norm', ['encoder', 'tensor'])
@pytest.mark.parametrize('opposed', [False, True])
def test_gradients_by_an_independent_derivation(norm, opposed):
    own_heads = [OBJECTIVE[0], dict(OBJECTIVE[1], heads='own')]
    model = build(objective=own_heads, step=dict(STEP, norm=norm))
    batch = batches(1)[0]
    with torch.no_grad():  # Heads that want the opposite of each other.
        block = model.head.fc.weight[:, :6]
        model.learned['UnimodalLoss']['rgb'].weight.copy_(
            -block if opposed else block)
    fused = gradients_of(model, batch, lambda k: k == 'loss_cls')
    own = gradients_of(model, batch, lambda k: k != 'loss_cls')
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    model.train_step(batch, OptimWrapper(SGD(model.parameters(), lr=1.)))
    found = {
        n: before[n] - p.detach()
        for n, p in model.named_parameters()
    }
    expected = {n: fused[n] + own[n] for n in found}
    for m in ('rgb', 'flow'):
        names = [n for n in found if n.startswith(f'encoders.{m}.')]
        expected.update(
            zip(
                names,
                slow_direction([fused[n] for n in names],
                               [own[n] for n in names], norm)))
    for name in found:
        torch.testing.assert_close(
            found[name], expected[name], atol=1e-5, rtol=1e-4, msg=name)
    conflicts = [
        sum((fused[n] * own[n]).sum() for n in found
            if n.startswith(f'encoders.{m}.')) < 0 for m in ('rgb', 'flow')
    ]
    assert any(conflicts) == opposed


def test_without_conflict_and_gamma_one_it_is_multi_loss():
    first = batches(1)
    found, log = run(pareto(dict(STEP, gamma=1.)), first)
    expected, plain = run(pareto(None), first)
    assert_close(found, expected, atol=1e-6)
    assert list(log) == list(plain) == [
        'loss', 'loss_cls', 'loss_cls_rgb', 'loss_cls_flow'
    ]
    assert log['loss'] == plain['loss']


def test_two_micro_batches_are_one_batch():
    data = batches(4, size=16)
    whole, _ = run(pareto(), data)
    halves = [part for batch in data for part in split(batch, 2)]
    found, _ = run(pareto(), halves, accumulative_counts=2)
    assert_close(found, whole)


class ScaledWrapper(OptimWrapper):
    """The logic of AmpOptimWrapper, which asks for a card."""

    def __init__(self, *args, scale, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_scaler = GradScaler('cpu', init_scale=scale)

    def step(self, **kwargs):
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update()


def test_the_loss_scale_does_not_matter():
    data = batches(3)
    expected, _ = run(pareto(), data)
    model = pareto()
    wrapper = ScaledWrapper(
        SGD(model.parameters(), lr=.1, momentum=.9), scale=4096.)
    for batch in data:
        model.train_step(batch, wrapper)
    assert_close(weights(model), expected, atol=1e-6)


def test_an_overflow_skips_the_update():
    model = pareto()
    wrapper = ScaledWrapper(SGD(model.parameters(), lr=.1), scale=2.**127)
    before = weights(model)
    model.train_step(batches(1)[0], wrapper)
    assert_same(before, weights(model))
    assert wrapper.loss_scaler.get_scale() < 2.**127


def rank_runs():
    MessageHub.get_current_instance().update_info('seed', 5)
    data = [split(b, 2)[get_rank()] for b in batches(6, size=16)]
    halves = [part for half in data for part in split(half, 2)]
    found = dict(
        whole=run(MultimodalDistributedDataParallel(pareto()), data)[0],
        accumulated=run(
            MultimodalDistributedDataParallel(pareto()),
            halves,
            accumulative_counts=2)[0])
    try:
        run(MMDistributedDataParallel(pareto()), data[:1])
    except RuntimeError as error:
        found['bypassed'] = str(error)
    return found


def test_two_ranks_are_one_process_with_the_whole_batch():
    first, second = run_ranks(rank_runs, 2)
    expected, _ = run(pareto(), batches(6, size=16))
    for name in ('whole', 'accumulated'):
        assert_same(first[name], second[name])
        assert_close(first[name], expected)
    assert 'MultimodalDistributedDataParallel' in first['bypassed']


@pytest.mark.parametrize(
    'loop', [None, dict(type='EpochBasedTrainLoop')], ids=['staged', 'plain'])
def test_every_loop_calls_the_step(tmp_path, loop):
    ends = [
        weights(
            train(
                run_cfg(
                    tmp_path / name,
                    config(objective=OBJECTIVE, step=step),
                    epochs=1,
                    loop=loop)).model)
        for name, step in (('pareto', STEP), ('multi_loss', None))
    ]
    assert not torch.allclose(*(end['head.fc.weight'] for end in ends))


def test_options_are_checked():
    with pytest.raises(ValueError, match='norm'):
        MMPareto(norm='layer')
    with pytest.raises(ValueError, match='gamma'):
        MMPareto(gamma=0.)
