import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from torch import nn

from mmbalance_plugin.engine.gradients import modality_weights
from tests.engine.modulation_toy import batches, build, gradients, ogm


class Model(nn.Module):
    """Encoders whose names are no help at all."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.encoders = nn.ModuleDict(
            dict(
                head=nn.Sequential(
                    nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2), nn.Linear(2, 2)),
                encoders=nn.Sequential(
                    nn.Conv3d(1, 2, 3), nn.Embedding(3, 2))))


def names(model, weights):
    known = {id(p): n for n, p in model.named_parameters()}
    return {m: [known[id(w)] for w in ws] for m, ws in weights.items()}


def test_by_encoder_and_dimension():
    model = Model()
    assert names(model, modality_weights(model)) == dict(
        head=['encoders.head.0.weight', 'encoders.head.2.weight'],
        encoders=['encoders.encoders.0.weight', 'encoders.encoders.1.weight'])


def test_convolutions_of_any_dimension():
    model = Model()
    assert names(model, modality_weights(model, 'conv')) == dict(
        head=['encoders.head.0.weight'],
        encoders=['encoders.encoders.0.weight'])


def test_what_two_encoders_share_belongs_to_none():
    model = Model()
    model.encoders['encoders'].append(model.encoders['head'][2])
    found = names(model, modality_weights(model))
    assert found['head'] == ['encoders.head.0.weight']
    assert found['encoders'] == [
        'encoders.encoders.0.weight', 'encoders.encoders.1.weight'
    ]


def test_a_weight_tied_to_the_head_belongs_to_none():
    model = Model()
    model.tied = nn.Linear(2, 2)
    model.tied.weight = model.encoders['head'][2].weight
    found = names(model, modality_weights(model))
    assert found['head'] == ['encoders.head.0.weight']


def test_a_weight_used_twice_in_one_encoder_is_scaled_once():
    model = Model()
    model.encoders['head'].append(model.encoders['head'][2])
    assert names(model, modality_weights(model))['head'] == [
        'encoders.head.0.weight', 'encoders.head.2.weight'
    ]


def test_frozen_weights_stay_as_they_are():
    model = build()
    frozen = model.encoders['rgb'].backbone.stages[0].conv.weight
    frozen.requires_grad_(False)
    before = frozen.clone()
    wrapper = ogm(model, generalization_enhancement=True)
    model.train_step(batches(1)[0], wrapper)
    assert frozen.grad is None and torch.equal(before, frozen)


def test_shared_weights_keep_their_gradient():
    model = build()
    shared = model.encoders['rgb'].backbone.stages[1]
    model.encoders['flow'].backbone.stages[1] = shared
    wrapper = ogm(model, lr=0., generalization_enhancement=True)
    data = model.data_preprocessor(batches(1)[0], True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    wrapper.backward(loss)
    before = gradients(model)
    wrapper.step()
    after = gradients(model)
    changed = {n for n in before if not torch.equal(before[n], after[n])}
    assert changed == {
        'encoders.rgb.backbone.stages.0.conv.weight',
        'encoders.flow.backbone.stages.0.conv.weight',
        'encoders.flow.proj.weight'
    }


def test_nothing_to_modulate_is_an_error():
    model = build()
    for encoder in model.encoders.values():
        encoder.backbone.stages = nn.Sequential(nn.Flatten())
        encoder.proj = None
    with pytest.raises(ValueError, match='no encoder has a weight'):
        ogm(model)


def test_unknown_scope():
    with pytest.raises(ValueError, match='conv'):
        modality_weights(Model(), 'linear')


def test_found_through_ddp(tmp_path):
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/r', rank=0, world_size=1)
    model = build()
    wrapper = ogm(MMDistributedDataParallel(model))
    assert wrapper.method.model is model
    assert len(wrapper.method.weights['flow']) == 3
