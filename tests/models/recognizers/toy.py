"""Tiny recognizers and batches for tests."""
import torch
from mmaction.structures import ActionDataSample

from mmbalance_plugin.registry import MODELS

WIDTHS = dict(rgb=4, flow=6, sound=3)
CHANNELS = dict(rgb=8, flow=9, sound=7)
CLASSES = 5


def encoder(name):
    """An encoder of vectors, with a BatchNorm whose state can move."""
    backbone = dict(
        type='mmbalance_plugin.MLPBackbone',
        in_channels=WIDTHS[name],
        channels=(CHANNELS[name], ))
    return dict(backbone=backbone, feat_channels=CHANNELS[name])


def config(modalities=('rgb', 'flow'), head='DecisionHead', **kwargs):
    head = dict(type=f'mmbalance_plugin.{head}', num_classes=CLASSES)
    if 'FiLM' in head['type'] or 'Gated' in head['type']:
        head['condition'] = modalities[0]
    head.update(kwargs.pop('head_cfg', {}))
    return dict(
        type='mmbalance_plugin.MultimodalRecognizer',
        encoders={m: encoder(m) for m in modalities},
        head=head,
        **kwargs)


def build(*args, seed=0, initialise=True, **kwargs):
    torch.manual_seed(seed)
    model = MODELS.build(config(*args, **kwargs))
    if initialise:
        model.init_weights()
    return model


def batch(modalities=('rgb', 'flow'), size=6, seed=0):
    """Inputs and samples of a batch."""
    inputs = dict()
    for m in modalities:
        # Of its own, whichever other modalities there are.
        generator = torch.Generator().manual_seed(10 * seed + WIDTHS[m])
        inputs[m] = torch.randn(size, WIDTHS[m], generator=generator)
    samples = []
    for index in range(size):
        sample = ActionDataSample(metainfo=dict(sample_idx=100 + index))
        samples.append(sample.set_gt_label(index % CLASSES))
    return inputs, samples


def targets(size=6):
    return torch.arange(size) % CLASSES


def snapshot(module):
    """A copy of the state dict."""
    return {k: v.clone() for k, v in module.state_dict().items()}


def changed(module, before):
    """Keys whose values are not what they were."""
    state = module.state_dict()
    return {k for k, v in state.items() if not torch.equal(v, before[k])}


def own_state(model, modality):
    """The entries of the state dict that are a modality's alone."""
    alone = ('head.', ) if len(model.modalities) == 1 else ()
    return {
        k: v
        for k, v in model.state_dict().items()
        if f'.{modality}.' in k or k.startswith(alone)
    }


def reset(model, modality):
    """Put a modality's own parts back to their initial weights."""
    names = ['encoders.' + modality]
    if len(model.modalities) == 1:
        names.append('head')
    elif model.head.branches is not None:
        names.append('head.branches.' + modality)
    model.reset_parts(names)
