from typing import Dict

import torch
from torch import Tensor

from ._tensors import at_least_float32
from .discrepancy import MIN_SCORE_SUM, discrepancy_ratios


def mlb_coefficients(score_sums: Dict[str, Tensor], alpha: float,
                     beta_max: float) -> Dict[str, Tensor]:
    r"""MLB's gradient coefficients (BMVC 2024, arXiv 2405.07930).

    .. math::
        r_m = \frac{1}{M-1} \sum_{j \ne m} s_j / s_m, \quad
        k_m = 1 + (b_m - 1) \tanh(\alpha (r_m - 1)), \quad
        b_m = \beta_{max} \text{ if } r_m > 1 \text{ else } 2

    A modality that lags behind is sped up, one that is ahead slowed down,
    and level modalities are left alone: k is continuous at r = 1 and never
    below :math:`1 - \tanh\alpha`.

    Args:
        score_sums (Dict[str, Tensor]): Modality to the sum of its true-class
            probabilities over the global batch, 0-d; clamped from below at
            1e-12.
        alpha (float): Strength, not negative; 0.5 to 2 in the paper.
        beta_max (float): Bound on the speed-up, at least 1; 0.5 to 10 in the
            paper's README.

    Returns:
        Dict[str, Tensor]: Modality to coefficient, on the device.

    Raises:
        ValueError: Negative ``alpha``, or fewer than two modalities.
    """
    if alpha < 0:
        raise ValueError(f'alpha must not be negative, got {alpha}')
    # How far one lags is how far its reciprocal is ahead.
    behind = discrepancy_ratios({
        m: 1 / at_least_float32(s).clamp(min=MIN_SCORE_SUM)
        for m, s in score_sums.items()
    })
    return {
        m: 1 + torch.where(ratio > 1, beta_max - 1., 1.) * torch.tanh(
            alpha * (ratio - 1))
        for m, ratio in behind.items()
    }
