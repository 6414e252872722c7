"""Step counters of a resumed optimiser, where a fresh one has them.

MMEngine resumes with the checkpoint mapped to the device, and
``Optimizer.load_state_dict`` leaves ``step`` where it finds it: Adam and its
relatives then read each parameter's counter from the device, a stall per
parameter and step: https://github.com/pytorch/pytorch/issues/128208.
"""
from typing import Callable

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from .replaced import replace


def install() -> None:
    """Let optim wrappers put the counters back after loading a state."""
    for kind in (OptimWrapper, AmpOptimWrapper):
        replace(kind, 'load_state_dict')(_with_counters_on_the_host)


def _with_counters_on_the_host(original: Callable, self,
                               state_dict: dict) -> None:
    original(self, state_dict)
    counters_to_host(self.optimizer)


def counters_to_host(optimizer: torch.optim.Optimizer) -> None:
    """Put step counters back on the CPU, where the optimiser made them.

    Fused and capturable optimisers want them on the device.

    Args:
        optimizer (Optimizer): After its state was loaded.
    """
    for group in optimizer.param_groups:
        if group.get('fused') or group.get('capturable'):
            continue
        for parameter in group['params']:
            step = optimizer.state.get(parameter, {}).get('step')
            if isinstance(step, torch.Tensor):
                optimizer.state[parameter]['step'] = step.cpu()
