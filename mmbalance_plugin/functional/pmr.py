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
