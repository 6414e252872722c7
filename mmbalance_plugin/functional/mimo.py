from typing import Dict

import torch
from torch import Tensor

from ._tensors import at_least_float32


def mimo_loss(fused: Tensor, unimodal: Dict[str, Tensor], weight: float,
              mu: float) -> Tensor:
    r"""MIMO: the fused loss and a smooth worst modality (2025).

    .. math::
        L = L_{fused} + \lambda \mu \log \sum_m \exp(L_m / \mu)

    whose gradient weighs the modalities by
    :math:`\lambda \operatorname{softmax}(L / \mu)`: the worst most. For
    :math:`\mu \to \infty` they weigh :math:`\lambda / M` each.

    Args:
        fused (Tensor): Loss of the fused prediction, 0-d.
        unimodal (Dict[str, Tensor]): Loss of each modality, 0-d.
        weight (float): :math:`\lambda`; 10 in the paper's toy.
        mu (float): Smoothness, positive; 0.2 there.

    Returns:
        Tensor: The loss, 0-d.

    Raises:
        ValueError: ``mu`` is not positive.

    Note:
        Under DDP pass losses that are means over all ranks
        (:func:`all_reduce_sum_with_grad`), or the weights are those of the
        local batch.
    """
    if mu <= 0:
        raise ValueError(f'mu must be positive, got {mu}')
    losses = torch.stack([at_least_float32(v) for v in unimodal.values()])
    return fused + weight * mu * torch.logsumexp(losses / mu, dim=0)
