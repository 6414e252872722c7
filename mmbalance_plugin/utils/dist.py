"""Collectives that mmengine.dist lacks, most of them with gradients.

Each of them does nothing but return its input where no process group of more
than one rank exists. All ranks must call them in the same order, and those
with gradients call a collective in the backward pass as well.
"""
from typing import Dict, Tuple

import torch
import torch.nn.functional as F
from mmengine import dist
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..functional._tensors import at_least_float32
from .streams import generator_kind


class _AllReduceSum(torch.autograd.Function):
    """Sum over ranks; the gradient is summed over ranks in turn.

    torch.distributed.nn has the same, but deprecated.
    """

    @staticmethod
    def forward(ctx, tensor: Tensor, agreed: bool) -> Tensor:
        ctx.agreed = agreed
        return _summed(tensor)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Tensor, None]:
        if ctx.agreed:
            return grad * dist.get_world_size(), None
        return _summed(grad), None


def _summed(tensor: Tensor) -> Tensor:
    # A copy: the caller's tensor may be saved for some other gradient.
    tensor = tensor.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(tensor, op='sum')
    return tensor


def all_reduce_sum_with_grad(tensor: Tensor, agreed: bool = False) -> Tensor:
    """Sum a tensor over all ranks, differentiably.

    A quantity that every rank computes from such sums has the same value on
    all ranks. If each rank calls backward on it, a rank's gradient is
    ``world_size`` times its share of the quantity's gradient, so that DDP's
    average over ranks is exactly the gradient of the global quantity.

    Args:
        tensor (Tensor): Of the same shape on all ranks.
        agreed (bool): All ranks do the same with the sum, so that its
            gradient is the same everywhere and need not be communicated.
            Defaults to False.

    Returns:
        Tensor: The sum, bit-identical on all ranks.
    """
    if dist.get_world_size() == 1:
        return tensor
    return _AllReduceSum.apply(tensor, agreed)


def gather_with_grad(tensor: Tensor, agreed: bool = False) -> Tensor:
    """Concatenate the ranks' tensors along the first axis, differentiably.

    Local sizes may differ; they are exchanged through the host, which costs
    a device synchronisation where there is more than one rank.

    Args:
        tensor (Tensor): The local part, shape (N_local, ...).
        agreed (bool): See :func:`all_reduce_sum_with_grad`. Defaults to
            False.

    Returns:
        Tensor: The global tensor, in the order of the ranks.
    """
    if dist.get_world_size() == 1:
        return tensor
    own = torch.tensor([len(tensor)], device=tensor.device)
    sizes = torch.cat(dist.all_gather(own)).tolist()
    start = sum(sizes[:dist.get_rank()])
    after = sum(sizes) - start - len(tensor)
    padding = (0, 0) * (tensor.ndim - 1) + (start, after)
    return all_reduce_sum_with_grad(F.pad(tensor, padding), agreed)


def global_scores(
        sums: Dict[str, Tensor], counts: Dict[str, int]
) -> Tuple[Dict[str, Tensor], Dict[str, Tensor]]:
    """Sums of scores and how many samples are in them, over all ranks.

    One collective, whose shape is the same on all ranks.

    Args:
        sums (dict[str, Tensor]): Each modality's local sum, 0-d.
        counts (dict[str, int]): Number of local samples in each.

    Returns:
        tuple: Global sums and counts, dicts of 0-d float tensors.
    """
    values = [at_least_float32(value) for value in sums.values()]
    packed = torch.stack(
        values + [torch.full_like(values[0], counts[m]) for m in sums])
    dist.all_reduce(packed, op='sum')
    totals, sizes = packed.chunk(2)
    return dict(zip(sums, totals)), dict(zip(sums, sizes))


def draws_agree(device: torch.device) -> bool:
    """Whether generators with one seed give the same numbers on all ranks.

    A gather of objects: for the start, not for every step.

    Args:
        device (torch.device): Where this rank draws.
    """
    return len(set(dist.all_gather_object(generator_kind(device)))) == 1
