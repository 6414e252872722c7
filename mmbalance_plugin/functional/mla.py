from typing import Dict

import torch
from torch import Tensor

from ._tensors import at_least_float32


def mla_projection(p: Tensor, r: Tensor, alpha: float) -> Tensor:
    r"""Update of MLA's projection (CVPR 2024, arXiv 2311.10707).

    .. math::
        k = P r, \quad
        P \leftarrow P - \frac{k k^T}{\alpha + r^T k}, \quad
        P \leftarrow P / \|P\|_F

    Gradients of the shared head that are multiplied by P leave what it says
    of earlier modalities' mean features nearly unchanged.

    Args:
        p (Tensor): P, (D, D); the identity at the start.
        r (Tensor): Mean feature of the global batch, (D, ).
        alpha (float): Positive; ``0.1 ** (1 + b / B)`` in batch b of B in
            the released code.

    Returns:
        Tensor: The new P, of Frobenius norm 1 (released code), in float32 or
        better.

    Raises:
        ValueError: ``alpha`` is not positive, or the shapes do not fit.
    """
    if alpha <= 0:
        raise ValueError(f'alpha must be positive, got {alpha}')
    if r.ndim != 1 or p.shape != (len(r), len(r)):
        raise ValueError(f'P must be (D, D) for a mean feature (D, ), got '
                         f'{tuple(p.shape)} and {tuple(r.shape)}')
    p, r = at_least_float32(p), at_least_float32(r)
    k = p @ r
    p = p - torch.outer(k, k) / (alpha + r @ k)
    return p / torch.linalg.matrix_norm(p)


def mla_weights(probabilities: Dict[str, Tensor]) -> Dict[str, Tensor]:
    r"""MLA's weights at test time, for each sample.

    .. math::
        w_m = \operatorname{softmax}_m (\max_j e_j - e_m), \quad
        e_m = -\sum_c p^m_c \log p^m_c

    over the modalities: the surest one weighs most. The released code
    normalises over the batch, so that a prediction depends on its
    neighbours; this does not.

    Args:
        probabilities (Dict[str, Tensor]): Modality to probabilities (B, C).

    Returns:
        Dict[str, Tensor]: Modality to weight (B, ); they sum to 1.
    """
    entropies = torch.stack([
        torch.special.entr(at_least_float32(p)).sum(dim=1)
        for p in probabilities.values()
    ])
    weights = torch.softmax(-entropies, dim=0)
    return dict(zip(probabilities, weights.unbind()))
