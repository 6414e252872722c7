import torch.nn.functional as F
from torch import Tensor

from ._tensors import unit_rows


def mmcosine_logits(features: Tensor, weight: Tensor,
                    scale: float) -> Tensor:
    r"""A modality's share of the fused logits in MMCosine (2023).

    .. math:: z^m_c = s \cos(\phi^m, W^m_c)

    Neither the length of the features nor that of the classes' weights
    counts, so that each modality's share is in :math:`[-s, s]`.

    Args:
        features (Tensor): :math:`\phi^m`, (B, D).
        weight (Tensor): :math:`W^m`, (C, D).
        scale (float): :math:`s`.

    Returns:
        Tensor: (B, C); features of zeros get zeros. Lengths are taken in
        float32 or better.
    """
    return scale * F.linear(unit_rows(features), unit_rows(weight))
