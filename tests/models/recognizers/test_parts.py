"""What trains in a stage, what stays frozen, what runs."""
import pytest
import torch

from mmbalance_plugin.models.objectives import ObjectiveTerm, UnimodalLoss
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
    own = set(model.part_state_dict())
    assert own == {
        k
        for k in model.state_dict() if any(m in k for m in trained)
    }
    assert changed(model, before) == own
    assert trainable(model) == everything & own
    model.leave_stage()
    assert trainable(model) == everything
    assert model.trained == model.active == ALL and model.fuses


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


@pytest.mark.parametrize('head, parts', [
    ('ConcatHead', ['encoders.flow']),
    ('ConcatHead', ['head']),
    ('MLPHead', ['encoders.rgb', 'head']),
    ('DecisionHead', ['head.branches.sound', 'encoders.rgb']),
])
def test_any_set_of_parts_trains_towards_the_fused_loss(head, parts):
    model = build(ALL, head)
    model.enter_stage(parts, 'fused')
    assert model.active == ALL and model.fuses
    before = snapshot(model)
    losses = step(model.train())
    assert list(losses) == ['loss_cls']
    expected = {
        k
        for k in model.state_dict()
        if k.startswith(tuple(f'{p}.' for p in parts))
    }
    assert changed(model, before) == expected == set(model.part_state_dict())
    for name, module in model.encoders.items():
        assert module.training == (f'encoders.{name}' in parts)


class Watching(ObjectiveTerm):
    """A loss with a weight of its own, which no optimiser may see."""

    def __init__(self):
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.records = []

    def needs(self, model):
        return model.trained

    def __call__(self, record):
        self.records.append(record)
        return dict(loss_mine=self.weight * 2)


def test_a_term_sees_the_batch_and_is_not_owned():
    model = build(ALL)
    keys = list(model.state_dict())
    term = Watching()
    model.enter_stage(['flow'], [UnimodalLoss(), term])
    assert list(model.state_dict()) == keys
    assert not any(p is term.weight for p in model.parameters())
    inputs, samples = batch(ALL)
    losses = model.loss(inputs, samples)
    assert list(losses) == ['loss_cls_flow', 'loss_mine']
    record, = term.records
    assert record.inputs is inputs and record.samples is samples
    assert list(record.features) == list(record.unimodal) == ['flow']
    assert record.features['flow'].requires_grad
    assert torch.equal(record.targets, targets())
    assert record.sample_ids.tolist() == list(range(100, 106))
    model.leave_stage()
    assert list(model.loss(inputs, samples)) == ['loss_cls']


def test_two_terms_may_not_give_one_loss():
    model = build(ALL)
    model.enter_stage(None, [UnimodalLoss(), UnimodalLoss(['rgb'])])
    with pytest.raises(ValueError, match=r"two terms .*\['loss_cls_rgb'\]"):
        model.loss(*batch(ALL))


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
    model.enter_stage('rgb', 'unimodal')
    state = model.part_state_dict()
    assert len(state) == sum(
        len(part.state_dict()) for part in parts.values())
    with torch.no_grad():
        state['head.branches.rgb.bias'].fill_(7)
    assert (model.head.branches['rgb'].bias == 7).all()


def test_stages_that_cannot_be():
    model = build()
    with pytest.raises(ValueError, match=r"trains \['heat'\].*'flow'"):
        model.enter_stage(['heat'], 'unimodal')
    with pytest.raises(ValueError, match="got 'joint'"):
        model.enter_stage(None, 'joint')
    with pytest.raises(ValueError, match='name at least one'):
        model.enter_stage([], 'unimodal')
    with pytest.raises(ValueError, match='at least one term'):
        model.enter_stage(None, [])
    with pytest.raises(ValueError, match=r"needs \['heat'\]"):
        model.enter_stage(['rgb'], [UnimodalLoss(['heat'])])
    with pytest.raises(ValueError, match='ConcatHead.*DecisionHead'):
        build(head='ConcatHead').enter_stage(['rgb'], 'unimodal')
    # A refused stage changes nothing.
    assert model.fuses and model.trained == ('rgb', 'flow')
