"""Small questions about modules."""
from contextlib import contextmanager
from typing import Iterator

from mmengine.model import PretrainedInit
from torch import nn


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


def is_pretrained(init_cfg: dict) -> bool:
    """Whether an ``init_cfg`` loads weights instead of drawing them."""
    return init_cfg['type'] in ('Pretrained', PretrainedInit)
