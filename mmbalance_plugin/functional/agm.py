from typing import Collection, Dict, Iterable, Mapping

import torch
from torch import Tensor

from ._tensors import ahead_of_others
from .shapley import shapley_values


def agm_attributions(logits: Mapping[Collection[str], Tensor],
                     modalities: Iterable[str]) -> Dict[str, Tensor]:
    r"""AGM's shares of the modalities in the fused logits.

    Shapley values of the game in which nothing is worth 0, so that they add
    up to the logits of all modalities. For two,
    :math:`\phi^a = (f(a, v) - f(0, v) + f(a, 0)) / 2`.

    Args:
        logits (Mapping[Collection[str], Tensor]): Fused logits (B, C) of
            each coalition but the empty one, all others absent.
        modalities (Iterable[str]): All M of them.

    Returns:
        Dict[str, Tensor]: Shares (B, C) by modality, in float32 or better.
    """
    names = tuple(modalities)
    nothing = torch.zeros_like(logits[names])
    return shapley_values({**logits, (): nothing}, names)


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
    now, usual = ahead_of_others(losses), ahead_of_others(running_losses)
    return {
        m: torch.exp(alpha * (torch.exp(-usual[m]) - torch.exp(-gap)).clamp(
            max=limit))
        for m, gap in now.items()
    }
