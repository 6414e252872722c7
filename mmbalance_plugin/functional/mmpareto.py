from typing import Optional, Sequence

import torch
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice

from ._tensors import at_least_float32


def mmpareto_direction(g_fused: Tensor,
                       g_unimodal: Tensor,
                       gamma: float = 1.5,
                       norm: str = 'encoder',
                       sizes: Optional[Sequence[int]] = None) -> Tensor:
    r"""MMPareto's gradient of one encoder (ICML 2024, arXiv 2405.17730).

    With :math:`g_m` the gradient of the fused and :math:`g_u` that of the
    unimodal loss, the direction is the sum where they agree and twice the
    minimum-norm point of their segment where they do not; its length is
    that of the sum, times :math:`\gamma`:

    .. math::
        a_m = \begin{cases} 1/2 & g_m \cdot g_u \ge 0 \\
        (g_u - g_m) \cdot g_u / |g_m - g_u|^2 & \text{else} \end{cases},
        \quad h = 2 a_m g_m + 2 (1 - a_m) g_u,
        \quad \gamma \, |g_m + g_u| \, h / |h|

    Args:
        g_fused (Tensor): :math:`g_m`, flat, of the whole encoder.
        g_unimodal (Tensor): :math:`g_u`, of the same shape.
        gamma (float): Factor on the length. Defaults to 1.5 (paper, code).
        norm (str): 'encoder' sets the length of the whole vector (paper);
            'tensor' sets that of each parameter tensor and only ever
            enlarges, by max(1, .) (released code). Defaults to 'encoder'.
        sizes (Sequence[int], optional): Numbers of elements of the encoder's
            tensors, in order; needed by 'tensor'. Defaults to None.

    Returns:
        Tensor: The gradient, flat, in float32 or better and on the same
        device; nothing is copied to the host. Opposite gradients of equal
        length cancel to zero.

    Raises:
        ValueError: Unknown ``norm``, shapes that differ, or ``sizes`` that
            do not add up.

    Note:
        With 'encoder' the product with either gradient is never negative;
        with 'tensor' it can be. Homogeneous of degree 1: a common loss scale
        passes through. Under DDP average both gradients first.
    """
    require_choice('norm', norm, ('encoder', 'tensor'))
    if g_fused.shape != g_unimodal.shape or g_fused.ndim != 1:
        raise ValueError('mmpareto_direction needs two flat gradients of the '
                         f'same encoder, got shapes {tuple(g_fused.shape)} '
                         f'and {tuple(g_unimodal.shape)}')
    if norm == 'tensor' and sum(sizes or ()) != g_fused.numel():
        raise ValueError("norm='tensor' needs the sizes of the encoder's "
                         f'tensors, {g_fused.numel()} elements in all, got '
                         f'{sizes}')
    fused, unimodal = at_least_float32(g_fused), at_least_float32(g_unimodal)
    difference = fused - unimodal
    squared = difference.square().sum()
    share = -(difference * unimodal).sum() / squared
    share = torch.where((fused * unimodal).sum() >= 0, .5, share)
    total = fused + unimodal
    direction = 2 * share * fused + 2 * (1 - share) * unimodal
    if norm == 'encoder':
        return gamma * direction * _ratio(total, direction)
    parts = list(sizes or ())
    pieces = [
        piece * _ratio(whole, piece).clamp(min=1)
        for piece, whole in zip(direction.split(parts), total.split(parts))
    ]
    return gamma * torch.cat(pieces)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Of two lengths; 0 where the denominator has none."""
    length = torch.linalg.vector_norm(denominator)
    ratio = torch.linalg.vector_norm(numerator) / length
    return torch.where(length == 0, torch.zeros_like(ratio), ratio)
