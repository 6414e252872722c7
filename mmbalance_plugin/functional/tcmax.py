import math
from typing import Dict, Tuple, Union

import torch
from torch import Tensor

from ._tensors import at_least_float32


def tcmax_loss(logits: Dict[str, Tensor], targets: Tensor) -> Tensor:
    r"""TCMax for additive heads, exact (ICLR 2026, arXiv 2602.13015).

    .. math::
        L = -\operatorname{mean}_i \sum_m z^m_i[y_i]
        + \log \operatorname{mean}_{i_1 .. i_M, c}
        \exp \sum_m z^m_{i_m}[c]

    The mean over all B^M tuples factorises into one log-sum-exp per class
    and modality, so the cost is O(M B C).

    Args:
        logits (Dict[str, Tensor]): Additive logits z of each modality,
            (B, C): they sum to the fused ones.
        targets (Tensor): True classes (B, ).

    Returns:
        Tensor: The loss of this batch, 0-d, in float32 or better. A loss of
        local batches is not that of the global one: see
        :func:`tcmax_from_sums`.

    Raises:
        ValueError: Logits of different shapes, or not (B, C).
    """
    return tcmax_from_sums(*tcmax_sums(logits, targets), len(targets))


def tcmax_sums(logits: Dict[str, Tensor],
               targets: Tensor) -> Tuple[Tensor, Tensor]:
    """What :func:`tcmax_from_sums` needs of a batch.

    Args:
        logits (Dict[str, Tensor]): See :func:`tcmax_loss`.
        targets (Tensor): See there.

    Returns:
        tuple[Tensor, Tensor]: The fused logit of the true class summed over
        the batch, 0-d, and the log-sum-exp over the batch of each modality
        and class, (M, C). Sums of several ranks add up, and log-sum-exps by
        one more log-sum-exp.
    """
    shapes = {name: tuple(z.shape) for name, z in logits.items()}
    first = next(iter(shapes.values()))
    if set(shapes.values()) != {first} or len(first) != 2:
        raise ValueError('tcmax_loss needs logits (B, C) of the same shape '
                         f'for each modality, got {shapes}')
    stacked = torch.stack([at_least_float32(z) for z in logits.values()])
    true = stacked.sum(dim=0).gather(1, targets[:, None]).sum()
    return true, torch.logsumexp(stacked, dim=1)


def tcmax_from_sums(true: Tensor, log_sums: Tensor,
                    count: Union[int, Tensor]) -> Tensor:
    """The loss from the sums over the global batch.

    Args:
        true (Tensor): Summed fused logit of the true classes, 0-d.
        log_sums (Tensor): Log-sum-exp over the batch, (M, C).
        count (int | Tensor): Samples in the global batch.

    Returns:
        Tensor: 0-d.
    """
    modalities, classes = log_sums.shape
    negative = torch.logsumexp(log_sums.sum(dim=0), dim=0)
    size = torch.as_tensor(count, dtype=negative.dtype).log()
    return negative - true / count - modalities * size - math.log(classes)
