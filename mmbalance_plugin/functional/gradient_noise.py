"""The noise of OGM-GE's generalization enhancement."""
import math
from typing import Callable, List, Optional, Sequence

import torch
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice

from ._tensors import at_least_float32

DISTRIBUTIONS = ('normal', 'uniform', 'rademacher')
MIN_STD = 1e-8


def unit_noise(size: int,
               distribution: str = 'normal',
               generator: Optional[torch.Generator] = None,
               out: Optional[Tensor] = None) -> Tensor:
    """Independent noise of mean 0 and variance 1.

    Args:
        size (int): How many numbers.
        distribution (str): 'normal' (OGM-GE, arXiv 2203.15332), 'uniform'
            on [-sqrt(3), sqrt(3)], or 'rademacher' (-1 or 1). Defaults to
            'normal'.
        generator (torch.Generator, optional): Where to draw from, and on
            which device. Defaults to None: torch's own on the CPU.
        out (Tensor, optional): Where to write them, a vector of at least
            ``size`` entries. Defaults to None, a new one in float32.

    Returns:
        Tensor: Shape (size, ); the beginning of ``out``, if that is given.

    Raises:
        ValueError: Unknown ``distribution``.
    """
    require_choice('distribution', distribution, DISTRIBUTIONS)
    if out is None:
        device = 'cpu' if generator is None else generator.device
        out = torch.empty(size, device=device)
    noise = out[:size]
    if distribution == 'normal':
        return noise.normal_(generator=generator)
    if distribution == 'uniform':
        bound = math.sqrt(3)
        return noise.uniform_(-bound, bound, generator=generator)
    return noise.random_(0, 2, generator=generator).mul_(2).sub_(1)


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


def add_noise(grads: List[Tensor],
              stds: Tensor,
              distribution: str = 'normal',
              generator: Optional[torch.Generator] = None,
              share: Optional[Callable[[Tensor], None]] = None) -> None:
    """Add independent noise to gradients, in place.

    On an accelerator all of it is one draw. On a CPU, where a call costs
    little and memory much, it is drawn tensor by tensor into one buffer that
    stays in the cache.

    Args:
        grads (list[Tensor]): Gradients on one device.
        stds (Tensor): Standard deviation for each tensor, shape (T, ), on
            that device.
        distribution (str): See :func:`unit_noise`. Defaults to 'normal'.
        generator (torch.Generator, optional): On that device. Defaults to
            None: torch's own on the CPU.
        share (Callable, optional): Called with each vector of draws before
            it is used; may overwrite it. Defaults to None.
    """
    sizes = [grad.numel() for grad in grads]
    on_cpu = stds.device.type == 'cpu'
    together = 1 if on_cpu else len(grads)
    buffer = torch.empty(
        max(sizes) if on_cpu else sum(sizes), device=stds.device)
    factors = stds.unbind()
    for start in range(0, len(grads), together):
        part = slice(start, start + together)
        flat = unit_noise(sum(sizes[part]), distribution, generator, buffer)
        if share is not None:
            share(flat)
        noise = [
            draws.view(grad.shape)
            for draws, grad in zip(flat.split(sizes[part]), grads[part])
        ]
        torch._foreach_addcmul_(grads[part], noise, factors[part])
