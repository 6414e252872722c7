"""Runners and wrappers that train otherwise are refused by name."""
import pytest
import torch
from mmengine.config import Config
from mmengine.model import (
    MMDistributedDataParallel,
    MMFullyShardedDataParallel,
)
from mmengine.registry import RUNNERS
from mmengine.runner import FlexibleRunner, Runner
from torch import nn

from mmbalance_plugin.engine.gradients import OGM
from mmbalance_plugin.engine.steps.distributed import (
    MultimodalDistributedDataParallel,
)
from mmbalance_plugin.engine.support import require_runner, require_wrapper
from tests.engine.toy_run import toy_cfg

PARALLEL = 'works with DistributedDataParallel, not with '


class OwnRunner(Runner):
    """One of a user."""


def flexible_runner(tmp_path, **merge):
    """As MMAction2's training entry builds it."""
    cfg = Config(toy_cfg(
        tmp_path, dict(type='CheckpointHook'), [dict(score=1)] * 2, epochs=1,
        runner_type='FlexibleRunner', env_cfg=dict(),
        strategy=dict(type='SingleDeviceStrategy')))
    cfg.merge_from_dict(merge)
    return RUNNERS.build(cfg)


@pytest.mark.parametrize('what, merge', [
    ('StagedTrainLoop', dict(train_cfg=dict(
        _delete_=True, type='mmbalance_plugin.StagedTrainLoop',
        max_epochs=1))),
    ('SummaryHook', {'default_hooks.summary':
                     dict(type='mmbalance_plugin.SummaryHook')}),
    ('AtomicCheckpointHook', {
        'default_hooks.checkpoint.type':
        'mmbalance_plugin.AtomicCheckpointHook'}),
])
def test_flexible_runner(tmp_path, what, merge):
    runner = flexible_runner(tmp_path, **merge)
    assert isinstance(runner, FlexibleRunner)
    with pytest.raises(NotImplementedError) as refused:
        runner.train()
    assert str(refused.value).startswith(
        f"{what} works with MMEngine's Runner, not with FlexibleRunner: take "
        'runner_type and strategy out of the config')
    assert not list(tmp_path.glob('*.pth'))


def test_runners_that_are_mmengines():
    for kind in (None, 'Runner', Runner, OwnRunner):
        require_runner(kind, 'it')
    for kind in ('FlexibleRunner', FlexibleRunner, 'NoSuchRunner'):
        with pytest.raises(NotImplementedError):
            require_runner(kind, 'it')


def sharded():
    """An FSDP model without the accelerator that making one takes."""
    model = MMFullyShardedDataParallel.__new__(MMFullyShardedDataParallel)
    nn.Module.__init__(model)
    return model


class DTensor(nn.Parameter):
    """Named as what FSDP2 makes of parameters."""


def in_place_sharded():
    model = nn.Linear(1, 1)
    model.weight = DTensor(torch.zeros(1, 1))
    return model


@pytest.mark.parametrize('make, name', [
    (sharded, 'MMFullyShardedDataParallel'),
    (in_place_sharded, 'FSDP2 or tensor parallelism'),
    (lambda: nn.DataParallel(nn.Linear(1, 1)), 'DataParallel'),
    (lambda: 'MMFullyShardedDataParallel', 'MMFullyShardedDataParallel'),
    (lambda: 'MMSeparateDistributedDataParallel',
     'MMSeparateDistributedDataParallel'),
])
def test_wrappers_that_are_not_ddp(make, name):
    with pytest.raises(NotImplementedError) as refused:
        require_wrapper(make(), 'it')
    assert str(refused.value).startswith(f'it {PARALLEL}{name}: ')
    if not isinstance(make(), str):
        with pytest.raises(NotImplementedError, match=f'OGM {PARALLEL}'):
            OGM(alpha=.5).bind(make())


def test_models_that_are_whole():
    for model in (None, nn.Linear(1, 1), MMDistributedDataParallel,
                  'MMDistributedDataParallel',
                  MultimodalDistributedDataParallel,
                  'mmbalance_plugin.MultimodalDistributedDataParallel'):
        require_wrapper(model, 'it')
