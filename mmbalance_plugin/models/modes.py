"""Modes and values of modules."""
from contextlib import contextmanager
from itertools import chain
from typing import Dict, Iterable, Iterator

import torch
from mmengine.model import PretrainedInit
from torch import Tensor, nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Run a block with a module in eval mode, then put each mode back.

    The flags are set one by one because a sub-module's ``train`` may do more
    than set its flag, and not all of them need be in the same mode.
    """
    modes = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in modes:
            part.training = False
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def named_values(module: nn.Module) -> Dict[str, Tensor]:
    """Parameters and buffers by name, persistent or not; no copies."""
    named = chain(
        module.named_parameters(remove_duplicate=False),
        module.named_buffers(remove_duplicate=False))
    return {name: value.detach() for name, value in named}


@contextmanager
def values_kept(tensors: Iterable[Tensor]) -> Iterator[None]:
    """Put what tensors hold back, in place, after a block."""
    kept = [(tensor, tensor.clone()) for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)


def is_pretrained(init_cfg: dict) -> bool:
    """Whether an ``init_cfg`` loads weights instead of drawing them."""
    return init_cfg['type'] in ('Pretrained', PretrainedInit)
