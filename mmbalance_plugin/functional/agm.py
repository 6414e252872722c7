from typing import Dict

import torch
from torch import Tensor

from ._tensors import at_least_float32


def agm_coefficients(losses: Dict[str, Tensor],
                     running_losses: Dict[str, Tensor],
                     alpha: float,
                     limit: float = 10.) -> Dict[str, Tensor]:
    r"""AGM's gradient coefficients (ICCV 2023, arXiv 2308.07686).

    .. math::
        r_m = \exp \operatorname{mean}_{j \ne m} (s_j - s_m), \quad
        \kappa_m = \exp(\alpha \min(\tau_m - r_m, limit))

    with :math:`\tau_m` the same quotient of the running means: a modality
    whose loss is lower than usual, compared with the others', is slowed
    down. The sign is that of the official code and of the author's answer.

    Args:
        losses (Dict[str, Tensor]): Modality to the cross-entropy s of its
            Shapley share of the logits, 0-d, over the global batch.
        running_losses (Dict[str, Tensor]): Their running means.
        alpha (float): Strength; 1.5 to 3 in the official scripts.
        limit (float): Bound on the exponent. Defaults to 10 (code).

    Returns:
        Dict[str, Tensor]: Modality to coefficient, on the device.

    Raises:
        ValueError: Other modalities in the running means, or fewer than two.
    """
    if set(losses) != set(running_losses) or len(losses) < 2:
        raise ValueError('AGM compares at least two modalities with their '
                         f'running means, got {sorted(losses)} and '
                         f'{sorted(running_losses)}')
    ratio = _loss_ratios(losses)
    usual = _loss_ratios(running_losses)
    return {
        m: torch.exp(alpha * (usual[m] - ratio[m]).clamp(max=limit))
        for m in losses
    }


def _loss_ratios(losses: Dict[str, Tensor]) -> Dict[str, Tensor]:
    losses = {m: at_least_float32(v) for m, v in losses.items()}
    total, others = sum(losses.values()), len(losses) - 1
    return {
        m: torch.exp((total - own) / others - own)
        for m, own in losses.items()
    }
