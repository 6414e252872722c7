from typing import Dict

import torch
from torch import Tensor

from ._tensors import ahead_of_others, at_least_float32


def inforeg_window(before: Tensor, last: Tensor, threshold: float) -> Tensor:
    r"""Whether InfoReg's window is open (CVPR 2025, arXiv 2503.18595).

    .. math::
        (\mathrm{Tr} F_{t-1} - \mathrm{Tr} F_{t-2}) / \mathrm{Tr} F_{t-1} > K

    with the trace of the Fisher information as the mean squared gradient of
    an encoder in an epoch: while it grows, information is taken up fast.

    Args:
        before (Tensor): Traces of the last epoch but one, any shape; NaN
            where there is none, and no window.
        last (Tensor): Those of the last epoch.
        threshold (float): K; 0.04 in the paper.

    Returns:
        Tensor: bool, of the same shape.
    """
    before, last = at_least_float32(before), at_least_float32(last)
    return (last - before) / last > threshold


def inforeg_coefficients(scores: Dict[str, Tensor],
                         beta: float) -> Dict[str, Tensor]:
    r"""How strongly InfoReg holds a modality back within the window.

    .. math::
        D_m = s_m - \operatorname{mean}_{j \ne m} s_j, \quad
        a_m = \exp(\beta \tanh D_m) \text{ if } D_m > 0 \text{ else } 0

    is the factor on :math:`\tfrac12 \lVert w - w_0 \rVert^2`, with the
    epoch's first weights :math:`w_0`.

    Args:
        scores (Dict[str, Tensor]): Mean true-class probability of each
            modality alone, 0-d, over the global batch.
        beta (float): Strength; 0.9 in the paper.

    Returns:
        Dict[str, Tensor]: Modality to factor, on the device.

    Raises:
        ValueError: Fewer than two modalities.
    """
    if len(scores) < 2:
        raise ValueError('InfoReg compares modalities with each other, but '
                         f'got {list(scores)}')
    return {
        m: torch.exp(beta * torch.tanh(gap)).where(gap > 0, 0.)
        for m, gap in ahead_of_others(scores).items()
    }
