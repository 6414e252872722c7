"""A tiny model of vectors, its config and its checkpoint."""
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.runner import save_checkpoint

from mmbalance_plugin.apis import MultimodalInferencer
from mmbalance_plugin.apis.building import build_recognizer

WIDTHS = dict(audio=6, visual=5, depth=4)
CLASSES = ('calm', 'happy', 'sad', 'angry')
HEADS = dict(
    concat=dict(type='mmbalance_plugin.ConcatHead'),
    sum=dict(type='mmbalance_plugin.SumHead'),
    mlp=dict(type='mmbalance_plugin.MLPHead', hidden_channels=7, norm=True),
    mean=dict(type='mmbalance_plugin.DecisionHead'),
    sum_logits=dict(
        type='mmbalance_plugin.DecisionHead', combine='sum_logits'),
    sum_log_probs=dict(
        type='mmbalance_plugin.DecisionHead', combine='sum_log_probs'),
    fitted=dict(type='mmbalance_plugin.DecisionHead', combine='fitted'))


def tiny_config(head='concat', modalities=('audio', 'visual'), **kwargs):
    """Config of a recognizer of vectors with BatchNorm in its encoders."""
    encoders = {
        m: dict(
            backbone=dict(
                type='mmbalance_plugin.MLPBackbone',
                in_channels=WIDTHS[m],
                channels=(8, )),
            feat_channels=8)
        for m in modalities
    }
    preprocessor = dict(
        type='mmbalance_plugin.MultimodalDataPreprocessor',
        preprocessors={m: dict(mean=.1, std=2.) for m in modalities})
    model = dict(
        type='mmbalance_plugin.MultimodalRecognizer',
        encoders=encoders,
        head=dict(HEADS[head], num_classes=len(CLASSES)),
        data_preprocessor=preprocessor)
    return Config(dict(model=model, default_scope='mmaction', **kwargs))


def trained_model(config, seed=0):
    """A model whose every weight and buffer is away from its start."""
    model = build_recognizer(config)
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            continue
        value.normal_(std=.4, generator=generator)
        if 'running_var' in name or name.endswith('head.weights'):
            value.abs_().add_(.1)
        if name.endswith('head.weights'):
            value.div_(value.sum())
    return model.eval()


def save_model(model, path, **extra):
    """Write a checkpoint as MMEngine's runner does."""
    save_checkpoint(dict(state_dict=model.state_dict(), **extra), str(path))
    return str(path)


def random_clips(count, modalities=('audio', 'visual'), seed=1):
    """Clips in memory."""
    generator = torch.Generator().manual_seed(seed)
    return [{
        m: torch.randn(WIDTHS[m], generator=generator)
        for m in modalities
    } for _ in range(count)]


def media_config(head='concat', missing='error'):
    """Config of a recognizer of clips on disk, 'visual' and 'audio'."""
    encoders = {
        m: dict(
            backbone=dict(
                type='mmbalance_plugin.SmallConvNet',
                in_channels=channels,
                channels=(4, 8)),
            feat_channels=8)
        for m, channels in dict(visual=3, audio=1).items()
    }
    pipeline = [
        dict(type='mmbalance_plugin.PyAVVideoInit'),
        dict(
            type='SampleFrames',
            clip_len=1,
            frame_interval=1,
            num_clips=3,
            test_mode=True),
        dict(type='mmbalance_plugin.PyAVVideoDecode'),
        dict(type='Resize', scale=(-1, 32)),
        dict(type='CenterCrop', crop_size=32),
        dict(type='FormatShape', input_format='NCHW'),
        dict(
            type='mmbalance_plugin.PyAVAudioDecode',
            sample_rate=8000,
            duration=1.0),
        dict(type='mmbalance_plugin.LogSpectrogram'),
        dict(type='mmbalance_plugin.PackMultimodalInputs')
    ]
    model = dict(
        type='mmbalance_plugin.MultimodalRecognizer',
        encoders=encoders,
        head=dict(HEADS[head], num_classes=len(CLASSES)),
        data_preprocessor=dict(
            type='mmbalance_plugin.MultimodalDataPreprocessor',
            preprocessors=dict(
                visual=dict(mean=[120.] * 3, std=[60.] * 3),
                audio=dict(mean=-4., std=4.))))
    loader = dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='mmbalance_plugin.AudioVisualDataset',
            ann_file='clips.csv',
            classes=CLASSES,
            missing=missing,
            test_mode=True,
            pipeline=pipeline))
    return Config(
        dict(model=model, default_scope='mmaction', test_dataloader=loader))


def make(tmp_path, head='concat', modalities=('audio', 'visual'), extra=None,
         **kwargs):
    """An inferencer and the model behind it."""
    config = tiny_config(head, modalities)
    model = trained_model(config)
    path = save_model(model, tmp_path / 'model.pth', **(extra or {}))
    kwargs.setdefault('class_names', CLASSES)
    return MultimodalInferencer(config, path, device='cpu', **kwargs), model


def predicted(model, clips):
    """What the model itself predicts for clips in memory."""
    data = dict(
        inputs={m: [clip[m] for clip in clips] for m in model.modalities},
        data_samples=[ActionDataSample() for _ in clips])
    with torch.no_grad():
        return model.test_step(data)
