import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._tensors import unit_rows


def info_nce(x: Tensor, y: Tensor, temperature: float) -> Tensor:
    r"""Symmetric InfoNCE: which rows of two modalities belong together.

    With the cosines :math:`S_{ij} = \cos(x_i, y_j) / \tau`,

    .. math::
        -\frac{1}{2N} \sum_i \left( \log \frac{e^{S_{ii}}}{\sum_j e^{S_{ij}}}
        + \log \frac{e^{S_{ii}}}{\sum_j e^{S_{ji}}} \right)

    the matching loss of LFM (NeurIPS 2024). Other samples of the batch are
    the negatives, those of the same class too.

    Args:
        x (Tensor): Features (N, D), at least one row.
        y (Tensor): Features (N, D) of the same samples.
        temperature (float): :math:`\tau`, positive.

    Returns:
        Tensor: 0-d, in nats, float32 or better.

    Note:
        Under DDP pass the rows of all ranks (:func:`gather_with_grad`), or
        the negatives are each rank's own.
    """
    scores = unit_rows(x) @ unit_rows(y).T / temperature
    own = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def lfm_share(turn: int) -> float:
    r"""Share of the matching loss by LFM's heuristic.

    .. math:: a_t = 1 - \exp(-1 / t)

    which falls from 0.63 to about 1 / t. The total is
    :math:`(1 - a_t) L_{cls} + a_t L_{match}`.

    Args:
        turn (int): t, counted from 1.

    Returns:
        float: In (0, 1).
    """
    return -math.expm1(-1 / turn)
