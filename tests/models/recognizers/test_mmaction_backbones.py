"""Unmodified MMAction2 backbones train a step under every head."""
import pytest
import torch
from mmaction.structures import ActionDataSample

from mmbalance_plugin.registry import MODELS
from tests.models.recognizers.toy import own_state, reset

HEADS = [
    'ConcatHead', 'SumHead', 'FiLMHead', 'GatedHead', 'MLPHead', 'DecisionHead'
]
# Backbone, and the shape of a batch of two.
FRAMES = (dict(type='mmaction.ResNet', depth=18, pretrained=None,
               norm_eval=False), (2, 2, 3, 32, 32))
SPECTROGRAM = (dict(FRAMES[0], in_channels=1), (2, 1, 32, 32))
CLIPS = (dict(type='mmaction.ResNet3dSlowOnly', depth=18, pretrained=None),
         (2, 2, 3, 4, 32, 32))


def build(modalities, head, **kwargs):
    encoders = {
        m: dict(backbone=backbone, feat_channels=512)
        for m, (backbone, _) in modalities.items()
    }
    if head in ('FiLMHead', 'GatedHead'):
        kwargs['condition'] = 'audio'
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='MultimodalRecognizer',
            encoders=encoders,
            head=dict(type=head, num_classes=3, **kwargs)))
    model.init_weights()
    return model


def one_step(model, modalities):
    generator = torch.Generator().manual_seed(1)
    inputs = {
        m: torch.randn(shape, generator=generator)
        for m, (_, shape) in modalities.items()
    }
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 2)]
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=.01)
    losses = model(inputs, samples, mode='loss')
    sum(losses.values()).backward()
    before = {k: v.detach().clone() for k, v in model.named_parameters()}
    optimizer.step()
    return losses, before


@pytest.mark.parametrize('visual', [FRAMES, CLIPS], ids=['frames', 'clips'])
@pytest.mark.parametrize('head', HEADS)
def test_one_step(visual, head):
    modalities = dict(audio=SPECTROGRAM, visual=visual)
    model = build(modalities, head)
    losses, before = one_step(model, modalities)
    assert losses['loss_cls'].isfinite()
    for name, value in model.named_parameters():
        assert value.grad is not None, name
        # SlowOnly's residual branches start at zero, so their convolutions
        # get a gradient of zero in the first step; stem and head must move.
        if name.startswith('head') or 'backbone.conv1.conv' in name:
            assert not torch.equal(value, before[name]), name


@pytest.mark.parametrize('visual', [FRAMES, CLIPS], ids=['frames', 'clips'])
def test_one_step_of_a_stage(visual):
    modalities = dict(audio=SPECTROGRAM, visual=visual)
    model = build(modalities, 'DecisionHead')
    model.enter_stage(['visual'], 'unimodal')
    audio = {
        k: v.clone()
        for k, v in own_state(model, 'audio').items()
    }
    losses, before = one_step(model, modalities)
    assert list(losses) == ['loss_cls_visual']
    for key, value in own_state(model, 'audio').items():
        assert torch.equal(value, audio[key]), key
    own = own_state(model, 'visual')
    for name, value in model.named_parameters():
        assert (value.grad is not None) == (name in own), name


def test_frozen_stages_and_norm_eval_are_heeded():
    backbone = dict(FRAMES[0], frozen_stages=1, norm_eval=True)
    modalities = dict(audio=SPECTROGRAM, visual=(backbone, FRAMES[1]))
    model = build(modalities, 'ConcatHead')
    statistics = {
        k: v.clone()
        for k, v in model.encoders['visual'].state_dict().items()
        if 'running' in k
    }
    one_step(model, modalities)
    for name, value in model.encoders['visual'].named_parameters():
        frozen = 'conv1.' in name.split('layer')[0] or 'layer1' in name
        assert (value.grad is None) == frozen, name
    for key, value in statistics.items():
        assert torch.equal(value, model.encoders['visual'].state_dict()[key])


@pytest.mark.parametrize('visual', [FRAMES, CLIPS], ids=['frames', 'clips'])
def test_reset_restores_the_backbone_bit_for_bit(visual):
    modalities = dict(audio=SPECTROGRAM, visual=visual)
    model = build(modalities, 'DecisionHead')
    initial = {k: v.clone() for k, v in model.state_dict().items()}
    one_step(model, modalities)
    reset(model, 'visual')
    for key in own_state(model, 'visual'):
        assert torch.equal(model.state_dict()[key], initial[key]), key
