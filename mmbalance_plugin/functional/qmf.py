from typing import Dict, Optional

import torch
from torch import Tensor

from ._tensors import at_least_float32
from .fusion import sum_logits


def qmf_confidence(logits: Tensor) -> Tensor:
    r"""QMF's confidence in a modality (ICML 2023).

    .. math:: c_i = \tfrac1{10} \log \sum_c \exp z_{ic}

    the negative energy of its logits. It may be negative.

    Args:
        logits (Tensor): Logits (B, C) of the modality alone.

    Returns:
        Tensor: Shape (B, ), float32 or better.
    """
    return at_least_float32(logits).logsumexp(dim=1) / 10


def qmf_fuse(logits: Dict[str, Tensor],
             present: Optional[Dict[str, Tensor]] = None) -> Tensor:
    """Sum of the modalities' logits, weighted by their confidences.

    No gradient goes through the weights.

    Args:
        logits (Dict[str, Tensor]): Logits (B, C) of each modality.
        present (Dict[str, Tensor], optional): For each modality that some
            sample lacks, where it is there: bool, (B, ). Defaults to None:
            everything is there.

    Returns:
        Tensor: Log-probabilities (B, C).
    """
    return sum_logits(
        {m: qmf_confidence(z.detach())[:, None] * z
         for m, z in logits.items()}, present)


def qmf_rank_loss(confidence: Tensor, history: Tensor) -> Tensor:
    r"""QMF's ranking of confidences by past losses.

    .. math::
        L = \operatorname{mean}_i \max(0,
        \operatorname{sgn}(h_i - h_j) (c_i - c_j) - |h_i - h_j|)

    with j = i + 1, and the first sample after the last: whose loss was larger
    shall not be the surer one. The difference of the losses is a tolerance,
    as in the released code.

    Args:
        confidence (Tensor): Confidences (B, ).
        history (Tensor): Past losses (B, ), scaled to [0, 1] over the
            training set; NaN where there is none, which compares with
            nothing.

    Returns:
        Tensor: The loss, 0-d.
    """
    gap = torch.nan_to_num(history - history.roll(-1))
    ahead = confidence - confidence.roll(-1)
    return torch.relu(gap.sign() * ahead - gap.abs()).mean()
