"""The run that official code and the registered components are given.

Everything follows from closed formulas, in float64: 18 samples of 3 classes
in batches of 6 that are not shuffled, two or three encoders of one layer, a
linear head, SGD with momentum and weight decay.
"""
from unittest import mock

import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmbalance_plugin.registry import DATASETS

TWO, THREE = ('audio', 'visual'), ('audio', 'visual', 'text')
WIDTHS = dict(audio=3, visual=4, text=2)
FEATURES, CLASSES, BATCH, SAMPLES = 2, 3, 6, 18
SGD = dict(lr=.3, momentum=.9, weight_decay=1e-2)
# How loudly each modality tells the class: sound is ahead from the start.
SIGNAL = dict(audio=2., visual=.4, text=1.)


def inputs(modality, n=SAMPLES):
    """Rows of (n, width) float64 numbers, sample i of class ``i % 3``."""
    width = WIDTHS[modality]
    i = torch.arange(n, dtype=torch.float64)[:, None]
    j = torch.arange(width, dtype=torch.float64)[None]
    values = torch.sin(1.3 * i + 2.1 * j * (i + 1) + width)
    return values + SIGNAL[modality] * ((i % CLASSES) == (j % CLASSES))


def targets(n=SAMPLES):
    return torch.arange(n) % CLASSES


def start(shape, phase):
    """Initial weights of any shape: a cosine of their position."""
    size = torch.Size(shape).numel()
    place = torch.arange(size, dtype=torch.float64)
    return .8 * torch.cos(1.7 * place + phase).reshape(shape)


def set_start(parameters):
    """Fill parameters in their order, each with a phase of its own."""
    with torch.no_grad():
        for phase, parameter in enumerate(parameters):
            parameter.copy_(start(parameter.shape, phase))


@DATASETS.register_module()
class OracleDataset(Dataset):
    """The samples, as packing leaves them."""

    def __init__(self, n=SAMPLES, modalities=TWO):
        self.columns = {m: inputs(m, n) for m in modalities}
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        sample = ActionDataSample(metainfo=dict(sample_idx=index))
        return dict(
            inputs={m: v[index] for m, v in self.columns.items()},
            data_samples=sample.set_gt_label(int(index % CLASSES)))


def loader(**dataset):
    return dict(
        batch_size=BATCH,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='mmbalance_plugin.OracleDataset', **dataset))


def run(work_dir, epochs=2, modalities=TWO, head=None, model=None, opm=None,
        loop=None, wrapper=None, **merge):
    """Train from the start, as a config does, and return the runner."""
    encoder = dict(
        feat_channels=FEATURES,
        backbone=dict(
            type='mmbalance_plugin.MLPBackbone',
            channels=(FEATURES, ),
            norm_cfg=None,
            act_cfg=dict(type='Tanh')))
    encoders = {
        m: dict(
            encoder,
            backbone=dict(encoder['backbone'], in_channels=WIDTHS[m]))
        for m in modalities
    }
    work_dir.mkdir(exist_ok=True)
    started = work_dir / 'start.pth'
    model = dict(
        type='mmbalance_plugin.MultimodalRecognizer',
        encoders=encoders,
        data_preprocessor=dict(
            type='mmbalance_plugin.MultimodalDataPreprocessor',
            preprocessors=dict.fromkeys(modalities)),
        head=dict(
            head or dict(type='mmbalance_plugin.ConcatHead'),
            num_classes=CLASSES),
        **(model or {}))
    if opm is not None:
        model = dict(opm, type='mmbalance_plugin.OPM', recognizer=model)
    cfg = Config(
        dict(
            default_scope='mmaction',
            model=model,
            train_dataloader=loader(modalities=modalities),
            train_cfg=dict(
                dict(
                    type='mmbalance_plugin.StagedTrainLoop',
                    max_epochs=epochs), **(loop or {})),
            optim_wrapper=dict(
                dict(type='OptimWrapper'),
                optimizer=dict(type='SGD', **SGD),
                **(wrapper or {})),
            load_from=str(started),
            log_level='WARNING',
            randomness=dict(seed=0),
            work_dir=str(work_dir),
            experiment_name=work_dir.name,
            **merge))
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    try:
        # It asks the compiler for its version, which takes longest of all.
        with mock.patch.object(Runner, '_log_env'):
            runner = Runner.from_cfg(cfg)
        set_start(runner.model.parameters())
        torch.save(dict(state_dict=runner.model.state_dict()), started)
        runner.train()
    finally:
        torch.set_default_dtype(torch.float32)
    return runner


def flat(parameters):
    """All weights, one after the other."""
    return torch.cat([p.detach().double().flatten() for p in parameters])
