from typing import Sequence

import torch
from torch import Tensor

from ._tensors import at_least_float32


def cml_loss(confidences: Sequence[Tensor]) -> Tensor:
    r"""CML's ranking of confidences (ICML 2023).

    .. math::
        L = \operatorname{mean}_{i, k} \max(0, c_i^{k+1} - c_i^k)

    over samples i and steps k of a chain: nobody should be surer after
    something was taken away. Each sample is clamped by itself, so that one
    which keeps the order does not make up for one that breaks it.

    Args:
        confidences (Sequence[Tensor]): Confidence (B, ) in what is there at
            first, then with less and less of it; two at least.

    Returns:
        Tensor: The loss, 0-d.

    Raises:
        ValueError: There is nothing to compare.
    """
    if len(confidences) < 2:
        raise ValueError('CML compares a confidence with those that come of '
                         f'fewer modalities, got {len(confidences)} of them')
    chain = at_least_float32(torch.stack(list(confidences)))
    return torch.relu(chain[1:] - chain[:-1]).mean()
