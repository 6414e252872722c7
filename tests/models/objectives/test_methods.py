"""MIMO, DGL and TCMax as terms: values, isolation, ranks."""
import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.optim import OptimWrapper
from torch.optim import SGD

from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.functional import tcmax_loss
from mmbalance_plugin.models.objectives import (
    BatchRecord,
    DGLLoss,
    MIMOLoss,
    TCMaxLoss,
)
from tests.dist_utils import run_ranks
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    batches,
    split,
    weights,
)
from tests.engine.modulation_toy import build as build_images
from tests.models.recognizers.toy import batch, build, targets

FUSED = dict(type='mmbalance_plugin.FusedLoss')
MIMO = [FUSED, dict(type='mmbalance_plugin.MIMOLoss', weight=2., mu=.5)]
DGL = [dict(type='mmbalance_plugin.DGLLoss')]
TCMAX = [dict(type='mmbalance_plugin.TCMaxLoss')]


def gradients(model, losses, names):
    model.zero_grad()
    sum(losses[name] for name in names).backward(retain_graph=True)
    return {
        n: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for n, p in model.named_parameters()
    }


# ---- MIMO ----------------------------------------------------------------
def test_mimo_weighs_the_worst_modality_most():
    model = build(head='ConcatHead', objective=MIMO)
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    features = model.extract_feat(inputs)
    alone = model.head.unimodal_logits(features)
    ce = torch.stack([F.cross_entropy(z, targets()) for z in alone.values()])
    torch.testing.assert_close(losses['loss_mimo'],
                               2 * .5 * torch.logsumexp(ce / .5, 0))
    assert [float(losses[f'ce_{m}']) for m in alone
            ] == pytest.approx(ce.tolist())
    found = gradients(model, losses, ['loss_mimo'])
    share = 2 * torch.softmax(ce / .5, 0).detach()
    model.zero_grad()
    (share * ce).sum().backward()
    for name, value in model.named_parameters():
        torch.testing.assert_close(found[name], value.grad)


def test_mimo_of_great_smoothness_is_multi_loss():
    mimo = build(objective=[FUSED, dict(MIMO[1], mu=1e5)])
    inputs, samples = batch()
    found = gradients(mimo, mimo.loss(inputs, samples), ['loss_mimo'])
    multi = build(objective=[
        FUSED,
        dict(type='mmbalance_plugin.UnimodalLoss', weight=1.)  # 2 / M
    ])
    losses = multi.loss(inputs, samples)
    expected = gradients(multi, losses, ['loss_cls_rgb', 'loss_cls_flow'])
    assert_close(found, expected)


# ---- DGL -----------------------------------------------------------------
def test_dgl_golden_gradients():
    """Encoders 2x2, one sample, alpha 4: numbers of the reference."""
    double = torch.float64
    xa, xv = (torch.tensor([x], dtype=double) for x in ([1., -1.], [.5, 2.]))
    ea = torch.tensor([[.3, .1], [-.2, .4]], dtype=double, requires_grad=True)
    ev = torch.tensor([[.2, -.1], [.5, .3]], dtype=double, requires_grad=True)
    model = build(head='ConcatHead')
    head = model.head.double()
    head.in_channels = dict(rgb=2, flow=2)
    head.fc = torch.nn.Linear(4, 2, dtype=double)
    with torch.no_grad():
        head.fc.weight.copy_(
            torch.tensor([[.6, -.2, .1, .4], [-.3, .5, .2, -.1]]))
        head.fc.bias.copy_(torch.tensor([.1, -.1]))
    features = dict(rgb=xa @ ea.T, flow=xv @ ev.T)
    record = BatchRecord(model, {}, [], torch.tensor([0]), features)
    losses = DGLLoss()(record)
    assert float(losses['loss_cls']) == pytest.approx(.255289, abs=1e-6)
    alone = losses['loss_cls_rgb'] + losses['loss_cls_flow']
    assert float(alone) / 4 == pytest.approx(.796326, abs=1e-6)
    sum(losses.values()).backward()
    close = dict(atol=1e-6, rtol=0)
    torch.testing.assert_close(
        ea.grad,
        torch.tensor([[-1.116092, 1.116092], [.868071, -.868071]],
                     dtype=double), **close)
    torch.testing.assert_close(
        ev.grad,
        torch.tensor([[.069276, .277102], [-.346378, -1.385511]],
                     dtype=double), **close)
    torch.testing.assert_close(
        head.fc.bias.grad,
        torch.tensor([-.225308, .225308], dtype=double), **close)


@pytest.mark.parametrize('head', ['ConcatHead', 'MLPHead', 'DecisionHead'])
def test_dgl_keeps_encoders_and_head_apart(head):
    model = build(head=head, objective=DGL)
    losses = model.loss(*batch())
    fused = gradients(model, losses, ['loss_cls'])
    alone = gradients(model, losses, ['loss_cls_rgb', 'loss_cls_flow'])
    for name in fused:
        assert fused[name].any() == name.startswith('head'), name
        assert not alone[name].any() or name.startswith('encoders'), name
    assert any(g.any() for n, g in alone.items() if n.startswith('encoders'))


def test_dgl_moves_no_statistics_of_the_head():
    model = build(head='MLPHead', objective=DGL, head_cfg=dict(norm=True))
    model.train()
    plain = copy.deepcopy(model)
    inputs, samples = batch()
    model.loss(inputs, samples)
    plain.head(plain.extract_feat(inputs))
    assert_same(dict(model.head.named_buffers()),
                dict(plain.head.named_buffers()))


# ---- TCMax ---------------------------------------------------------------
def test_tcmax_does_not_pass_over_a_loss_of_the_head():
    weighted = dict(loss_cls=dict(
        type='mmaction.CrossEntropyLoss', class_weight=[1., 2., 3., 1., 1.]))
    build(head_cfg=weighted)
    with pytest.raises(ValueError, match='TCMaxLoss .*loss_cls of the head'):
        build(head_cfg=weighted, objective=TCMAX)


@pytest.mark.parametrize('head, cfg', [
    ('ConcatHead', {}), ('SumHead', {}),
    ('DecisionHead', dict(combine='sum_log_probs'))
])
def test_tcmax_is_exact_for_additive_heads(head, cfg):
    model = build(head=head, objective=TCMAX, head_cfg=cfg)
    inputs, samples = batch()
    loss = model.loss(inputs, samples)['loss_tcmax']
    logits = model.head.unimodal_logits(model.extract_feat(inputs))
    torch.testing.assert_close(loss, tcmax_loss(logits, targets()))


def test_sampled_tcmax_comes_near_the_exact_one():
    model = build(head='ConcatHead', objective=TCMAX)
    inputs, samples = batch(size=12)
    exact = float(model.loss(inputs, samples)['loss_tcmax'])
    term = model.terms[0]
    term.samples = 200000
    term._additive_logits = lambda *_: None
    found = float(model.loss(inputs, samples)['loss_tcmax'])
    assert found == pytest.approx(exact, abs=.02)
    assert float(model.loss(inputs, samples)['loss_tcmax']) == found


def test_options_are_checked():
    with pytest.raises(ValueError, match='mu'):
        MIMOLoss(mu=0.)
    with pytest.raises(ValueError, match='alpha'):
        DGLLoss(alpha=-1.)
    with pytest.raises(ValueError, match='samples'):
        TCMaxLoss(samples=0)


# ---- ranks ---------------------------------------------------------------
OBJECTIVES = dict(mimo=MIMO, dgl=DGL, tcmax=TCMAX)


def run(objective, data, wrap=lambda model: model):
    model = wrap(build_images(objective=objective))
    wrapper = OptimWrapper(SGD(model.parameters(), lr=.1, momentum=.9))
    for part in data:
        model.train_step(part, wrapper)
    return weights(model)


def rank_runs():
    data = [split(b, 2)[get_rank()] for b in batches(4, size=16)]
    return {
        name: run(objective, data, MultimodalDistributedDataParallel)
        for name, objective in OBJECTIVES.items()
    }


def test_two_ranks_are_one_process_with_the_whole_batch():
    first, second = run_ranks(rank_runs, 2)
    for name, objective in OBJECTIVES.items():
        assert_same(first[name], second[name])
        assert_close(first[name], run(objective, batches(4, size=16)))
