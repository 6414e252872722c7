"""A run of mmengine's plain loops on a toy model with scripted metrics."""
import itertools
import os.path as osp
from unittest import mock

import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

_RUNS = itertools.count()


@MODELS.register_module()
class ToyRunModel(BaseModel):
    """One linear layer."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, inputs, labels, mode='tensor'):
        outputs = self.linear(inputs)
        if mode == 'loss':
            return dict(loss=(outputs - labels).square().mean())
        return [outputs]


@METRICS.register_module()
class ScriptedMetric(BaseMetric):
    """Returns the next of given metrics, whatever the predictions."""

    def __init__(self, script):
        super().__init__()
        self.script = list(script)

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(self.script.pop(0))


@DATASETS.register_module()
class ToyRunData(Dataset):
    """Eight fixed points."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        point = torch.tensor([index / 8, 1.])
        return point, point.sum(0, keepdim=True)


def toy_cfg(work_dir,
            checkpoint,
            script,
            epochs=5,
            by_epoch=True,
            **merge):
    """Four iterations an epoch; one of ``script`` for every validation."""
    loop = dict(type='EpochBasedTrainLoop', max_epochs=epochs)
    if not by_epoch:
        loop = dict(
            type='IterBasedTrainLoop', max_iters=epochs, val_interval=2)
    sampler = dict(type='DefaultSampler', shuffle=False)
    endless = dict(sampler, type='InfiniteSampler')
    loader = dict(
        dataset=dict(type='ToyRunData'),
        batch_size=2,
        collate_fn=dict(type='default_collate'),
        sampler=sampler)
    return dict(
        model=dict(type='ToyRunModel'),
        work_dir=str(work_dir),
        # MMEngine tells runs by name and second, these take less than one.
        experiment_name=f'{osp.basename(work_dir)}_{next(_RUNS)}',
        train_dataloader=dict(
            loader, sampler=sampler if by_epoch else endless),
        train_cfg=loop,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1, momentum=.9)),
        val_dataloader=loader,
        val_cfg=dict(),
        val_evaluator=dict(type='ScriptedMetric', script=script),
        default_hooks=dict(checkpoint=checkpoint),
        default_scope='mmengine',
        log_level='INFO',
        **merge)


def toy_runner(*args, **kwargs):
    """The runner of :func:`toy_cfg`."""
    # It asks the compiler for its version, which takes longest of all.
    with mock.patch.object(Runner, '_log_env'):
        return Runner.from_cfg(Config(toy_cfg(*args, **kwargs)))
