"""Several processes on a machine without a GPU.

MMEngine's launchers call ``torch.cuda.set_device`` before they join the
process group, and its runner passes ``device_ids=[LOCAL_RANK]`` to
DistributedDataParallel, which torch refuses for a module on the CPU. Both
came with https://github.com/open-mmlab/mmengine/pull/973.
"""
import functools
from typing import Optional
from unittest import mock

import torch
from mmengine.device import get_device
from mmengine.dist import init_dist, is_distributed
from mmengine.model import MMDistributedDataParallel
from mmengine.utils.dl_utils import set_multi_processing


def init_cpu_distributed(launcher: str,
                         env_cfg: Optional[dict] = None) -> bool:
    """Join a gloo process group where MMEngine would ask for a GPU.

    Call it before the Runner is built; MMEngine then finds the group and
    leaves it alone. Does nothing without a launcher, beside an accelerator,
    or when a process group exists.

    Args:
        launcher (str): 'none', 'pytorch', 'slurm' or 'mpi'.
        env_cfg (dict, optional): The config's ``env_cfg``; its ``dist_cfg``
            is used except for the backend. Defaults to None.

    Returns:
        bool: Whether a group was started.
    """
    if launcher == 'none' or get_device() != 'cpu' or is_distributed():
        return False
    env_cfg = env_cfg or {}
    # The Runner does this first too: it fixes how workers are started.
    set_multi_processing(**env_cfg.get('mp_cfg', {}), distributed=True)
    dist_cfg = {**env_cfg.get('dist_cfg', {}), 'backend': 'gloo'}
    with mock.patch.object(torch.cuda, 'set_device'):
        init_dist(launcher, **dist_cfg)
    return True


def install_cpu_ddp_shim() -> None:
    """Drop ``device_ids`` where the wrapped module lives on the CPU.

    Torch raises for that combination, so nothing that worked changes.
    """
    original = MMDistributedDataParallel.__init__
    if hasattr(original, '_mmbalance_original'):
        return

    @functools.wraps(original)
    def __init__(self, module, *args, **kwargs):
        if all(p.device.type == 'cpu' for p in module.parameters()):
            kwargs.pop('device_ids', None)
            kwargs.pop('output_device', None)
        original(self, module, *args, **kwargs)

    __init__._mmbalance_original = original
    MMDistributedDataParallel.__init__ = __init__
