"""Multi-loss: fused and unimodal losses together."""
import pytest
import torch
import torch.nn.functional as F

from mmbalance_plugin.models.objectives import UnimodalLoss
from tests.engine.digits import assert_same, digits_cfg, train, weights
from tests.models.recognizers.toy import batch, build, targets

TERMS = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss')
]


def terms(**options):
    return [TERMS[0], dict(TERMS[1], **options)]


@pytest.mark.parametrize('head', ['ConcatHead', 'DecisionHead', 'MLPHead'])
def test_losses_by_hand(head):
    model = build(head=head, objective=terms(weight=dict(rgb=.5)))
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    features = model.extract_feat(inputs)
    alone = model.head.unimodal_logits(features)
    expected = dict(
        loss_cls=model.head.criterion(model.head(features), targets()),
        loss_cls_rgb=.5 * F.cross_entropy(alone['rgb'], targets()),
        loss_cls_flow=F.cross_entropy(alone['flow'], targets()))
    assert list(losses) == list(expected)
    for name in losses:
        torch.testing.assert_close(losses[name], expected[name])


def test_own_heads_learn_from_the_unimodal_loss_alone():
    model = build(head='ConcatHead', objective=terms(heads='own'))
    own = model.learned['UnimodalLoss']
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    features = model.extract_feat(inputs)
    torch.testing.assert_close(
        losses['loss_cls_flow'],
        F.cross_entropy(own['flow'](features['flow']), targets()))
    losses['loss_cls'].backward(retain_graph=True)
    assert all(p.grad is None for p in own.parameters())
    losses['loss_cls_rgb'].backward()
    assert own['rgb'].weight.grad.any() and own['flow'].weight.grad is None
    # They start alike whichever others there are.
    alone = build(('flow', ), 'ConcatHead', objective=terms(heads='own'))
    assert torch.equal(alone.learned['UnimodalLoss']['flow'].weight,
                       own['flow'].weight)


def test_checkpoints_of_own_heads_load_into_the_bare_model():
    trained = build(head='ConcatHead', objective=terms(heads='own'))
    bare = build(head='ConcatHead', seed=1)
    assert len(trained.state_dict()) == len(bare.state_dict()) + 4
    bare.load_state_dict(trained.state_dict(), strict=True)
    assert torch.equal(bare.head.fc.weight, trained.head.fc.weight)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match='heads'):
        UnimodalLoss(heads='borrowed')
    with pytest.raises(ValueError, match=r"weights for \['sound'\]"):
        build(objective=terms(weight=dict(sound=1.)))


@pytest.mark.parametrize('heads', ['shared', 'own'])
def test_a_stage_of_terms_trains_and_resumes(tmp_path, heads):
    loop = dict(
        stages=[
            dict(name='multi_loss', objective=terms(heads=heads)),
            dict(name='probe', train=['head'], init='scratch')
        ],
        max_epochs=2)
    hooks = dict(
        checkpoint=dict(
            type='mmbalance_plugin.AtomicCheckpointHook',
            interval=1,
            max_keep_ckpts=-1,
            save_best='acc/top1'))
    common = dict(
        head='ConcatHead', n_train=96, n_val=64, default_hooks=hooks)
    whole = train(digits_cfg(tmp_path / 'whole', loop, **common))
    names = [s['objective'] for s in whole.train_loop.records]
    assert names == ['FusedLoss + UnimodalLoss', 'fused']
    assert not any(k.startswith('learned') for k in weights(whole))
    for epoch in (1, 3):
        cfg = digits_cfg(tmp_path / f'again{epoch}', loop, **common)
        cfg.resume = True
        cfg.load_from = str(tmp_path / 'whole' / f'epoch_{epoch}.pth')
        assert_same(weights(whole), weights(train(cfg)))


def test_a_probe_moves_only_the_head(tmp_path):
    loop = dict(
        stages=[dict(name='probe', train=['head'])], max_epochs=1)
    cfg = digits_cfg(
        tmp_path, loop, head='ConcatHead', n_train=96, n_val=64)
    runner = train(cfg)
    initial = runner.model.initial_weights(('', ))
    for name, value in weights(runner).items():
        assert torch.equal(value, initial[name]) != name.startswith('head')
