from torch import Tensor

from ._tensors import at_least_float32


def label_support(logits: Tensor,
                  targets: Tensor,
                  multi_class: bool = False) -> Tensor:
    r"""How well predictions support what is true of each sample.

    .. math:: s = \frac{\sum_c y_c p_c}{\sum_c y_c}

    with :math:`p` the softmax of the logits, or with ``multi_class`` the
    sigmoid of each. For one class per sample that is OGM's score, the
    probability of the true class, for blended labels their mean by their
    shares, and for several labels the mean probability of those that are
    there. Labels that are not there do not count: they are the most, and
    whoever knows nothing denies them, too, so with them all modalities
    would look alike. A sample without any label supports nothing: 0.

    Args:
        logits (Tensor): (..., B, C).
        targets (Tensor): Classes (B, ), or how much of each, (B, C).
        multi_class (bool): Whether labels do not exclude each other.
            Defaults to False.

    Returns:
        Tensor: Scores (..., B) in [0, 1], float32 or better.
    """
    logits = at_least_float32(logits)
    if targets.ndim == 1:
        true = targets[:, None].expand(*logits.shape[:-1], 1)
        # 1 / sum_j exp(x_j - x_true), in few kernels. Not a softmax: for
        # as few numbers it would start threads.
        scores = (logits - logits.gather(-1, true)).exp_()
        return scores.sum(dim=-1).reciprocal_()
    found = logits.sigmoid() if multi_class else logits.softmax(dim=-1)
    shares = targets.sum(dim=-1).clamp(min=1e-12)
    return (found * targets).sum(dim=-1) / shares
