import os

import pytest
import torch
import torch.distributed as dist
from mmengine.dist import init_dist
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from mmbalance_plugin.compat import cpu_distributed

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason='the shim acts only without a GPU')


@pytest.fixture
def one_rank(monkeypatch):
    variables = dict(
        RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR='127.0.0.1',
        MASTER_PORT=0, OMPI_COMM_WORLD_LOCAL_RANK=0, OMPI_COMM_WORLD_SIZE=1,
        OMPI_COMM_WORLD_RANK=0, SLURM_PROCID=0, SLURM_NTASKS=1,
        SLURM_NODELIST='localhost', SLURM_LOCALID=0)
    for name, value in variables.items():
        monkeypatch.setitem(os.environ, name, str(value))


@pytest.mark.parametrize('launcher', ['pytorch', 'mpi', 'slurm'])
def test_group_is_gloo_whatever_the_config_says(one_rank, launcher):
    set_device = torch.cuda.set_device
    init_dist(launcher, backend='nccl', timeout=60)
    assert dist.get_backend() == 'gloo'
    assert torch.cuda.set_device is set_device


def test_nothing_changes_beside_an_accelerator(monkeypatch):
    monkeypatch.setattr(cpu_distributed, 'get_device', lambda: 'cuda')
    seen = []
    cpu_distributed._gloo_without_accelerator(
        lambda *args, **kwargs: seen.append((args, kwargs)), 'nccl', port=1)
    assert seen == [(('nccl', ), dict(port=1))]


@pytest.mark.parametrize('wrapper', [
    None,
    dict(find_unused_parameters=True),
    dict(type='MMDistributedDataParallel', find_unused_parameters=False),
])
def test_runner_wraps_a_cpu_model(one_rank, wrapper):
    init_dist('pytorch')
    runner = Runner.__new__(Runner)
    runner.cfg, runner._launcher, runner._distributed = {}, 'pytorch', True
    wrapped = runner.wrap_model(wrapper, torch.nn.Linear(2, 1))
    assert isinstance(wrapped, MMDistributedDataParallel)
    assert wrapped.device_ids is None
    wrapped(torch.ones(1, 2)).sum().backward()
    assert torch.equal(wrapped.module.weight.grad, torch.ones(1, 2))
    assert wrapped.find_unused_parameters is bool(
        wrapper and wrapper['find_unused_parameters'])


def test_device_ids_stay_with_a_module_elsewhere():
    seen = {}
    module = torch.nn.Linear(1, 1, device='meta')
    cpu_distributed._no_device_ids_on_cpu(
        lambda self, module, **kwargs: seen.update(kwargs), None, module,
        device_ids=[0])
    assert seen == dict(device_ids=[0])
