"""Stages: what trains, what stays frozen, what runs."""
import pytest
import torch
from torch import nn

from mmbalance_plugin.registry import MODELS
from tests.models.recognizers.toy import (
    batch,
    build,
    changed,
    config,
    snapshot,
    targets,
)

ALL = ('rgb', 'flow', 'sound')


def step(model, modalities=ALL, lr=.5):
    """One optimiser step on all parameters with a gradient."""
    inputs, samples = batch(modalities)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    optimizer.zero_grad()
    losses = model(inputs, samples, mode='loss')
    sum(losses.values()).backward()
    optimizer.step()
    return losses


def trainable(model):
    return {k for k, v in model.named_parameters() if v.requires_grad}


@pytest.mark.parametrize('trained', [('flow', ), ('rgb', 'sound'), ALL])
@pytest.mark.parametrize('head', ['DecisionHead', 'SumHead'])
def test_a_unimodal_stage_moves_its_modalities_only(trained, head):
    model = build(ALL, head)
    everything = trainable(model)
    # The order in which a config names them is of no importance.
    model.enter_stage(reversed(trained), 'unimodal')
    assert model.trained == model.active == trained
    before = snapshot(model)
    model.train()
    losses = step(model)
    assert list(losses) == [f'loss_cls_{m}' for m in trained]
    own = {k for m in trained for k in model.modality_state_dict(m)}
    assert changed(model, before) == own
    assert trainable(model) == everything & own
    model.leave_stage()
    assert trainable(model) == everything
    assert (model.objective, model.trained, model.auxiliary) == ('fused', ALL,
                                                                 None)


def test_losses_are_those_of_the_modality_trained_alone():
    beside, alone = build(ALL), build(('flow', ))
    beside.enter_stage('flow', 'unimodal')
    alone.enter_stage(None, 'unimodal')
    for _ in range(3):
        first, second = step(beside), step(alone, ('flow', ))
        assert torch.equal(first['loss_cls_flow'], second['loss_cls_flow'])
    for key, value in alone.state_dict().items():
        assert torch.equal(value, beside.state_dict()[key]), key


def test_frozen_parts_stay_in_eval_mode():
    model = build(ALL).eval()
    model.enter_stage(['flow'], 'unimodal')
    assert not model.encoders['flow'].training
    for mode in (True, False, True):
        assert model.train(mode) is model
        assert model.training is mode
        for m in ALL:
            expected = mode and m == 'flow'
            parts = [*model.encoders[m].modules(), model.head.branches[m]]
            assert {part.training for part in parts} == {expected}
    model.leave_stage()
    assert all(part.training for part in model.modules())


def test_gradients_of_an_earlier_stage_do_not_stay():
    model = build()
    sum(model.loss(*batch()).values()).backward()
    model.enter_stage(['flow'], 'unimodal')
    assert {k for k, v in model.named_parameters() if v.grad is not None
            } == trainable(model)


def test_weights_that_were_built_frozen_stay_frozen():
    cnn = dict(
        backbone=dict(type='mmaction.ResNet', depth=18, frozen_stages=1),
        feat_channels=512)
    model = MODELS.build(
        dict(
            type='MultimodalRecognizer',
            encoders=dict(rgb=cnn, flow=cnn),
            head=dict(type='DecisionHead', num_classes=3)))
    # Frozen at once, not only when training starts: DDP and the optimiser
    # are built before.
    frozen = {k for k, v in model.named_parameters() if not v.requires_grad}
    assert any('rgb.backbone.conv1' in k for k in frozen)
    assert any('rgb.backbone.layer1' in k for k in frozen)
    assert not any('layer2' in k for k in frozen)
    model.enter_stage(['rgb'], 'unimodal')
    model.train()
    assert not model.encoders['rgb'].backbone.layer1.training
    assert model.encoders['rgb'].backbone.layer2.training
    assert not any(k in frozen for k in trainable(model))
    model.leave_stage()
    model.train()
    assert frozen == {
        k
        for k, v in model.named_parameters() if not v.requires_grad
    }


def test_norms_that_were_built_frozen_stay_frozen():
    cfg = config()
    for encoder in cfg['encoders'].values():
        encoder['backbone']['norm_cfg'] = dict(
            type='BN1d', requires_grad=False)
    model = MODELS.build(cfg)
    expected = trainable(model)
    assert expected < {name for name, _ in model.named_parameters()}
    model.enter_stage(['flow'], 'unimodal')
    assert trainable(model) == {k for k in expected if 'flow' in k}
    model.leave_stage()
    assert trainable(model) == expected


class Auxiliary(nn.Module):
    """A loss with a weight of its own, as an estimator would have."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.calls = []

    def forward(self, *args):
        self.calls.append(args)
        model, inputs = args[0], args[1]
        with torch.no_grad():
            model.extract_feat(inputs, ['rgb'])
        return dict(loss_aux=self.weight * args[2]['flow'].sum() * 0 + 2)


def test_auxiliary_is_called_but_never_owned():
    model = build(ALL)
    keys, count = list(model.state_dict()), len(list(model.parameters()))
    auxiliary = Auxiliary()
    model.enter_stage(['flow'], 'unimodal', auxiliary)
    assert model.auxiliary is auxiliary
    assert list(model.state_dict()) == keys
    assert len(list(model.parameters())) == count
    assert auxiliary not in list(model.modules())
    inputs, samples = batch(ALL)
    losses = model.loss(inputs, samples)
    assert list(losses) == ['loss_cls_flow', 'loss_aux']
    assert losses['loss_aux'].item() == 2
    (who, given, features, logits, labels, passed), = auxiliary.calls
    assert who is model and given is inputs and passed is samples
    assert list(features) == list(logits) == ['flow']
    assert features['flow'].shape == (6, 9) and logits['flow'].shape == (6, 5)
    assert features['flow'].requires_grad
    assert torch.equal(labels, targets())
    model.leave_stage()
    assert model.auxiliary is None
    assert list(model.loss(inputs, samples)) == ['loss_cls']


def test_modules_and_state_of_a_modality():
    model = build(ALL)
    parts = model.modality_modules('rgb')
    assert parts['encoder'] is model.encoders['rgb']
    assert parts['head'] is model.head.branches['rgb']
    assert list(build(ALL, 'ConcatHead').modality_modules('rgb')) == [
        'encoder'
    ]
    single = build(('rgb', ), 'ConcatHead')
    assert single.modality_modules('rgb')['head'] is single.head
    state = model.modality_state_dict('rgb')
    assert len(state) == sum(
        len(part.state_dict()) for part in parts.values())
    with torch.no_grad():
        state['head.branches.rgb.bias'].fill_(7)
    assert (model.head.branches['rgb'].bias == 7).all()


def test_stages_that_cannot_be():
    model = build()
    with pytest.raises(ValueError, match=r"trains \['heat'\].*'flow'"):
        model.enter_stage(['heat'], 'unimodal')
    with pytest.raises(ValueError, match="objective='unimodal'"):
        model.enter_stage(['rgb'])
    with pytest.raises(ValueError, match="got 'joint'"):
        model.enter_stage(None, 'joint')
    with pytest.raises(ValueError, match='at least one'):
        model.enter_stage([], 'unimodal')
    with pytest.raises(ValueError, match='auxiliary'):
        model.enter_stage(auxiliary=print)
    with pytest.raises(ValueError, match='ConcatHead.*DecisionHead'):
        build(head='ConcatHead').enter_stage(['rgb'], 'unimodal')
    with pytest.raises(ValueError, match="'heat'"):
        model.reset_parts(['heat'])
    # A refused stage changes nothing.
    assert model.objective == 'fused' and model.trained == ('rgb', 'flow')
