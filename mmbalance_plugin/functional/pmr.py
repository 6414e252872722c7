from typing import Dict

import torch
from torch import Tensor

from ._tensors import at_least_float32
from .discrepancy import MIN_SCORE_SUM


def pmr_coefficients(score_sums: Dict[str, Tensor]) -> Dict[str, Tensor]:
    r"""PMR's weights of the prototype losses (CVPR 2023).

    .. math::
        c_m = \operatorname{clip}(\max_j s_j / s_m - 1, 0, 1)

    For two modalities these are the paper's :math:`\beta, \gamma`; the form
    for more is a choice of this project.

    Args:
        score_sums (Dict[str, Tensor]): Modality to the sum of its true-class
            probabilities by prototypes over the global batch, 0-d; clamped
            from below at 1e-12.

    Returns:
        Dict[str, Tensor]: Modality to weight in [0, 1]; exactly 0 for the
        leading one.
    """
    sums = {
        m: at_least_float32(s).clamp(min=MIN_SCORE_SUM)
        for m, s in score_sums.items()
    }
    best = torch.stack(list(sums.values())).max()
    return {m: (best / own - 1).clamp(0, 1) for m, own in sums.items()}


def pmr_entropy_weights(
        coefficients: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """PMR's weights of the modalities' entropies by prototypes.

    What holds back the leading modality is as strong as what helps the one
    furthest behind; nothing holds back the others. For two modalities it is
    the paper's; the form for more is a choice of this project.

    Args:
        coefficients (Dict[str, Tensor]): Of :func:`pmr_coefficients`.

    Returns:
        Dict[str, Tensor]: Modality to weight, 0-d.
    """
    most = torch.stack(list(coefficients.values())).max()
    return {m: most * (c == 0) for m, c in coefficients.items()}


def prototype_log_probs(features: Tensor, prototypes: Tensor,
                        known: Tensor) -> Tensor:
    """Log-probabilities of the classes by distances to their prototypes.

    Args:
        features (Tensor): (B, D).
        prototypes (Tensor): (C, D).
        known (Tensor): Which classes have one: bool, (C, ). The others are
            infinitely far away.

    Returns:
        Tensor: (B, C), in float32 or better. The gradient of a feature that
        lies on a prototype is finite.
    """
    features = at_least_float32(features)
    # Not by a matrix product, which is inexact where distances are small.
    distances = torch.cdist(
        features,
        prototypes.to(features.dtype),
        compute_mode='donot_use_mm_for_euclid_dist')
    # Not infinity: a logarithm of a sum of none would be NaN.
    far = torch.finfo(features.dtype).min
    return (-distances).masked_fill(~known, far).log_softmax(dim=1)
