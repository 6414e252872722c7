"""MixUp and CutMix of a batch, given what is drawn."""
import math
from typing import Tuple

import torch
from torch import Tensor


def mixup(batch: Tensor, partners: Tensor, share: float) -> Tensor:
    """``share`` of each sample and the rest of its partner (1710.09412).

    Args:
        batch (Tensor): Floats (B, ...); labels (B, C), too.
        partners (Tensor): Which sample is whose partner, integers (B, ).
        share (float): lambda, from 0 to 1.

    Returns:
        Tensor: Of the same shape.
    """
    return torch.lerp(batch[partners], batch, share)


def cutmix(batch: Tensor, partners: Tensor, share: float,
           corner: Tuple[float, float]) -> Tensor:
    """A box of 1 - ``share`` of the area from the partner (1905.04899).

    The box has the sides of the whole times sqrt(1 - share), to the nearest
    point, and lies within it, so that its area does not depend on where.

    Args:
        batch (Tensor): (B, ..., H, W).
        partners (Tensor): See :func:`mixup`.
        share (float): lambda, from 0 to 1.
        corner (tuple[float, float]): Where the box lies among the places that
            there are, from 0 (first row, first column) to 1, excluded.

    Returns:
        Tensor: Of the same shape; a copy.
    """
    box = []
    for size, where in zip(batch.shape[-2:], corner):
        side = round(size * math.sqrt(1 - share))
        start = int(where * (size - side + 1))
        box.append(slice(start, start + side))
    mixed = batch.clone()
    mixed[..., box[0], box[1]] = batch[partners][..., box[0], box[1]]
    return mixed
