import torch
from torch import Tensor

from ._tensors import at_least_float32


def ece(probabilities: Tensor, targets: Tensor, bins: int = 15) -> Tensor:
    r"""Expected calibration error (Naeini et al. 2015, Guo et al. 2017).

    .. math::
        \sum_b \frac{n_b}{N} | acc_b - conf_b |

    over equal-width bins (b / K, (b + 1) / K] of the top probability.

    Args:
        probabilities (Tensor): (N, C), rows that sum to 1.
        targets (Tensor): True classes (N, ).
        bins (int): K. Defaults to 15.

    Returns:
        Tensor: In [0, 1], 0-d.

    Raises:
        ValueError: There is no sample, or ``bins`` is below 1.
    """
    if bins < 1 or not len(targets):
        raise ValueError(f'ece needs samples and bins, got {len(targets)} '
                         f'samples in {bins} bins')
    confidence, predicted = at_least_float32(probabilities).max(dim=1)
    # In double: a confidence of exactly b / K belongs to bin b - 1.
    index = (confidence.double() * bins).ceil().long() - 1
    index = index.clamp(0, bins - 1)
    gap = (predicted == targets).to(confidence) - confidence
    per_bin = torch.zeros(bins, dtype=gap.dtype, device=gap.device)
    return per_bin.index_add(0, index, gap).abs().sum() / len(targets)
