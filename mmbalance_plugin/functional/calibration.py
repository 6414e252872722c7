"""How far confidence and accuracy agree, and how to make them."""
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
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


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    r"""The temperature T that minimises the NLL of softmax(z / T).

    Temperature scaling (Guo et al., ICML 2017, arXiv 1706.04599): one number
    that changes confidence and no prediction. The NLL is convex in 1 / T, so
    the answer does not depend on a start; it is searched between 0.01 and
    100, on the CPU in float64. Fit on data that trained nothing.

    Args:
        logits (Tensor): z (N, C).
        targets (Tensor): True classes (N, ).

    Returns:
        float: T; 0.01 where every prediction is right.

    Raises:
        ValueError: There is no sample, or a logit is not finite.
    """
    z = logits.detach().to('cpu', torch.float64)
    labels = targets.detach().cpu().reshape(-1)
    if not len(labels) or not z.isfinite().all():
        raise ValueError('fitting a temperature needs samples with finite '
                         f'logits, got {len(labels)} samples')
    result = minimize_scalar(
        lambda inverse: F.cross_entropy(inverse * z, labels).item(),
        bounds=(0.01, 100.),
        method='bounded',
        options=dict(xatol=1e-8))
    return float(1 / result.x)
