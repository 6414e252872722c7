import os

import pytest
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from mmbalance_plugin.compat import init_cpu_distributed

needs_cpu_only = pytest.mark.skipif(
    torch.cuda.is_available(), reason='the shim acts only without a GPU')


@pytest.fixture
def one_rank(monkeypatch):
    for name, value in dict(
            RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR='127.0.0.1',
            MASTER_PORT=0).items():
        monkeypatch.setitem(os.environ, name, str(value))


def test_nothing_without_a_launcher():
    assert init_cpu_distributed('none') is False
    assert not dist.is_initialized()


def test_nothing_beside_an_accelerator(one_rank, monkeypatch):
    monkeypatch.setattr(
        'mmbalance_plugin.compat.cpu_distributed.get_device', lambda: 'cuda')
    assert init_cpu_distributed('pytorch') is False
    assert not dist.is_initialized()


@needs_cpu_only
def test_group_is_gloo_whatever_the_config_says(one_rank):
    set_device = torch.cuda.set_device
    env_cfg = dict(
        mp_cfg=dict(mp_start_method='fork'),
        dist_cfg=dict(backend='nccl', timeout=60))
    assert init_cpu_distributed('pytorch', env_cfg) is True
    assert dist.get_backend() == 'gloo'
    assert torch.cuda.set_device is set_device
    assert init_cpu_distributed('pytorch', env_cfg) is False


@needs_cpu_only
@pytest.mark.parametrize('wrapper', [
    None,
    dict(find_unused_parameters=True),
    dict(type='MMDistributedDataParallel', broadcast_buffers=False),
])
def test_runner_wraps_a_cpu_model(one_rank, wrapper):
    init_cpu_distributed('pytorch')
    runner = Runner.__new__(Runner)
    runner.cfg, runner._launcher, runner._distributed = {}, 'pytorch', True
    wrapped = runner.wrap_model(wrapper, torch.nn.Linear(2, 1))
    assert isinstance(wrapped, MMDistributedDataParallel)
    assert wrapped.device_ids is None
    wrapped(torch.ones(1, 2)).sum().backward()
    assert torch.equal(wrapped.module.weight.grad, torch.ones(1, 2))
    if wrapper is not None:
        assert wrapped.find_unused_parameters is bool(
            wrapper.get('find_unused_parameters', False))
