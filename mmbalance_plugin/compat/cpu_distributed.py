"""Several processes on a machine without a GPU.

MMEngine's launchers call ``torch.cuda.set_device`` and ask for NCCL, and
its runner passes ``device_ids=[LOCAL_RANK]`` to DistributedDataParallel,
which torch refuses for a module on the CPU. Both as of
https://github.com/open-mmlab/mmengine/pull/973.

Where the CPU is all there is, both calls can only fail, so nothing that
worked changes: the launchers start gloo instead, and the wrapper leaves the
device ids out.
"""
from typing import Callable
from unittest import mock

import torch
from mmengine.device import get_device
from mmengine.dist import utils as dist_utils
from mmengine.model import MMDistributedDataParallel

from .replaced import replace

LAUNCHERS = ('_init_dist_pytorch', '_init_dist_mpi', '_init_dist_slurm')


def install() -> None:
    """Let every launcher and the default wrapper work on the CPU."""
    for name in LAUNCHERS:
        replace(dist_utils, name)(_gloo_without_accelerator)
    replace(MMDistributedDataParallel, '__init__')(_no_device_ids_on_cpu)


def _gloo_without_accelerator(launcher: Callable, backend: str, *args,
                              **kwargs) -> None:
    if get_device() != 'cpu':
        return launcher(backend, *args, **kwargs)
    with mock.patch.object(torch.cuda, 'set_device'):
        return launcher('gloo', *args, **kwargs)


def _no_device_ids_on_cpu(original: Callable, self, module: torch.nn.Module,
                          *args, **kwargs) -> None:
    if all(p.device.type == 'cpu' for p in module.parameters()):
        kwargs.pop('device_ids', None)
        kwargs.pop('output_device', None)
    original(self, module, *args, **kwargs)
