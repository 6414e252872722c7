"""Encoding what is there of a batch."""
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..modes import evaluating


def encode_some(encoder: nn.Module, inputs: Tensor, channels: int) -> Tensor:
    """Encode the samples of a batch that are there, be they none.

    A single sample has no batch statistics: BatchNorm normalises it by its
    running ones and does not learn from it. Without any sample the encoder
    does not run, but its weights still get gradients, of zero, as DDP
    requires of each rank. (Where it has SyncBatchNorm it does run, on a
    batch of no samples, since the other ranks wait for this one there.)

    Args:
        encoder (nn.Module): Of one modality.
        inputs (Tensor): Shape (n, ...).
        channels (int): D, what the encoder gives.

    Returns:
        Tensor: Features (n, D).
    """
    synced = any(
        isinstance(part, nn.SyncBatchNorm) for part in encoder.modules())
    if len(inputs) > 1 or synced:
        return encoder(inputs)
    if len(inputs) == 1:
        norms = [m for m in encoder.modules() if isinstance(m, _BatchNorm)]
        with evaluating(nn.ModuleList(norms)):
            return encoder(inputs)
    nothing = inputs.new_zeros((), dtype=torch.float32)
    for weight in encoder.parameters():
        if weight.requires_grad:
            nothing = nothing + weight.flatten()[:0].sum()
    return nothing.expand(0, channels)
