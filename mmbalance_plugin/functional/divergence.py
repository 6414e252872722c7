import math

import torch
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice

from ._tensors import at_least_float32

# Log-probability of "never": exp of it is zero, and differences of two such
# values stay finite, which -inf does not offer.
_LOG_ZERO = -1e30


def _log_probabilities(logits: Tensor) -> Tensor:
    log_p = torch.log_softmax(at_least_float32(logits), dim=-1)
    return log_p.clamp(min=_LOG_ZERO)


def js_divergence(logits_p: Tensor,
                  logits_q: Tensor,
                  reduction: str = 'mean') -> Tensor:
    r"""Jensen-Shannon divergence of two categorical distributions.

    With :math:`p, q` the softmax of the logits and :math:`m = (p + q) / 2`,

    .. math:: JS = \tfrac12 KL(p \| m) + \tfrac12 KL(q \| m)

    in nats: 0 where the distributions agree, at most :math:`\ln 2`,
    symmetric, and the square of ``scipy.spatial.distance.jensenshannon``.
    This is the consistency term of UDI (arXiv 2509.02281).

    It is computed from log-probabilities as :math:`\log p - \log m = \ln 2 -
    \log(1 + q / p)`, so the value and its gradient are finite for any finite
    logits, one-hot distributions included, and for logits of -inf.

    Args:
        logits_p (Tensor): Logits of shape (..., C). Log-probabilities are
            logits, too.
        logits_q (Tensor): Logits of the same shape. The gradient flows into
            both; detach the one that is only a reference.
        reduction (str): Over the leading dimensions: 'mean', 'sum' or
            'none'. Defaults to 'mean'.

    Returns:
        Tensor: 0-d, or of shape (...) with ``reduction='none'``; float32 or
        better whatever the logits' precision.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is unknown.
    """
    if logits_p.shape != logits_q.shape:
        raise ValueError(
            'js_divergence needs logits of equal shape, got '
            f'{tuple(logits_p.shape)} and {tuple(logits_q.shape)}')
    require_choice('reduction', reduction, ('mean', 'sum', 'none'))
    log_p, log_q = _log_probabilities(logits_p), _log_probabilities(logits_q)
    gap = log_q - log_p
    zero = torch.zeros_like(gap)
    log2 = math.log(2)
    kl_p = log_p.exp() * (log2 - torch.logaddexp(zero, gap))
    kl_q = log_q.exp() * (log2 - torch.logaddexp(zero, -gap))
    # The clamp removes what rounding puts outside of the bounds.
    js = (0.5 * (kl_p + kl_q).sum(dim=-1)).clamp(0, log2)
    if reduction == 'none':
        return js
    return js.mean() if reduction == 'mean' else js.sum()


def predictive_entropy(logits: Tensor) -> Tensor:
    r"""Entropy :math:`H = -\sum_c p_c \log p_c` of predictions, in nats.

    Args:
        logits (Tensor): Logits of shape (..., C). For probabilities ``p``
            pass ``p.log()``, zeros included.

    Returns:
        Tensor: Entropies of shape (...), each in [0, ln C]; float32 or
        better.
    """
    log_p = _log_probabilities(logits)
    return -(log_p.exp() * log_p).sum(dim=-1)
