"""The noise of OGM-GE's generalization enhancement."""
import math
from typing import Optional, Sequence

import torch
from torch import Tensor

from ._tensors import at_least_float32

DISTRIBUTIONS = ('normal', 'uniform', 'rademacher')
MIN_STD = 1e-8


def unit_noise(size: int,
               distribution: str = 'normal',
               generator: Optional[torch.Generator] = None) -> Tensor:
    """Independent noise of mean 0 and variance 1.

    Args:
        size (int): How many numbers.
        distribution (str): 'normal' (OGM-GE, arXiv 2203.15332), 'uniform'
            on [-sqrt(3), sqrt(3)], or 'rademacher' (-1 or 1). Defaults to
            'normal'.
        generator (torch.Generator, optional): Where to draw from, and on
            which device. Defaults to None: torch's own on the CPU.

    Returns:
        Tensor: Shape (size, ), float32.

    Raises:
        ValueError: Unknown ``distribution``.
    """
    device = 'cpu' if generator is None else generator.device
    noise = torch.empty(size, device=device)
    if distribution == 'normal':
        return noise.normal_(generator=generator)
    if distribution == 'uniform':
        bound = math.sqrt(3)
        return noise.uniform_(-bound, bound, generator=generator)
    if distribution == 'rademacher':
        return noise.random_(0, 2, generator=generator).mul_(2).sub_(1)
    raise ValueError(f'distribution must be one of {DISTRIBUTIONS}, got '
                     f'{distribution!r}')


def noise_stds(grads: Sequence[Tensor]) -> Tensor:
    """Standard deviation of the noise for each gradient tensor.

    ``std(g) + 1e-8`` over the entries of a tensor, as in the released code
    of OGM-GE. A tensor of a single entry has no spread and gets 1e-8.

    Args:
        grads (Sequence[Tensor]): Gradients on one device, not modulated yet.

    Returns:
        Tensor: One number a tensor, shape (T, ), in float32 or better, on
        the device of the gradients.
    """
    stds = [
        at_least_float32(g).std() if g.numel() > 1 else torch.zeros(
            (), device=g.device) for g in grads
    ]
    return torch.stack(stds) + MIN_STD
