"""Step counters of a resumed optimiser, where a fresh one has them.

MMEngine resumes with the checkpoint mapped to the device, and
``Optimizer.load_state_dict`` leaves ``step`` where it finds it: Adam and its
relatives then read each parameter's counter from the device, a stall per
parameter and step: https://github.com/pytorch/pytorch/issues/128208.
"""
from typing import Callable

from mmengine.optim import AmpOptimWrapper, OptimWrapper

from ..utils.optimiser_state import counters_to_host
from .replaced import is_replaced, replaces


def install_optimizer_counters_shim() -> None:
    """Let optim wrappers put the counters back after loading a state."""
    for kind in (OptimWrapper, AmpOptimWrapper):
        original = kind.load_state_dict
        if not is_replaced(original):
            kind.load_state_dict = _with_counters_on_the_host(original)


def _with_counters_on_the_host(original: Callable) -> Callable:

    @replaces(original)
    def load_state_dict(self, state_dict: dict) -> None:
        original(self, state_dict)
        counters_to_host(self.optimizer)

    return load_state_dict
