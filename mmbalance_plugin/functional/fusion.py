"""Decision-level fusion: combining what each modality predicts alone.

Every rule takes a dict of unimodal logits ``{modality: (B, C)}`` and returns
log-probabilities (B, C) that are normalised over the classes, in float32 or
better whatever the logits are. Which rule is right depends on the data. The
product rule :func:`sum_logits` suits modalities that carry their own
evidence, :func:`mean_probability` survives a branch that is confidently
wrong.

Where samples lack modalities, ``present`` says which: a bool mask (B, ) for
each modality that some sample lacks, True where it is there. A modality that
is not there is left out of its sample's fusion, whatever its logits are, and
the weights of the others are brought back to a sum of 1. A sample without any
gets the same probability for each class.
"""
import math
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice

from ._tensors import at_least_float32

POOLS = ('probs', 'log_probs')
# A fitted weight never is exactly 0: on a sample that only this modality
# finds possible the NLL would be infinite, and its gradient useless.
MIN_WEIGHT = 1e-6

Present = Optional[Dict[str, Tensor]]


def _stack(logits: Dict[str, Tensor]) -> Tensor:
    """Unimodal logits as (M, B, C), where they belong together."""
    if not logits:
        raise ValueError('there is nothing to fuse: no modality was given')
    shapes = {name: tuple(value.shape) for name, value in logits.items()}
    if len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 2:
        raise ValueError('the logits of all modalities must share one shape '
                         f'(B, C), but got {shapes}')
    return at_least_float32(torch.stack(list(logits.values())))


def silence_absent(logits: Dict[str, Tensor],
                   present: Present = None) -> Dict[str, Tensor]:
    """Zeros in place of the rows (B, ...) of what is not there.

    Equal logits say nothing: they add nothing to a sum of logits or of
    log-probabilities that is normalised afterwards.
    """
    if not present:
        return logits
    return {
        name: value.masked_fill(~present[name][:, None], 0)
        if name in present else value
        for name, value in logits.items()
    }


def mean_probability(logits: Dict[str, Tensor],
                     present: Present = None) -> Tensor:
    """Log of the mean of the probabilities, ``log(mean_m softmax(z^m))``."""
    if present:
        equal = [1 / len(logits)] * len(logits)
        return pool_weighted(logits, equal, 'probs', present)
    log_probs = F.log_softmax(_stack(logits), dim=-1)
    return log_probs.logsumexp(dim=0) - math.log(len(logits))


def sum_logits(logits: Dict[str, Tensor], present: Present = None) -> Tensor:
    """Log-probabilities of the sum of the logits, log_softmax(sum_m z^m).

    Up to rounding that of their log-probabilities, too: ``log softmax(z)``
    and ``z`` differ by a number that is the same for every class.
    """
    stacked = _stack(silence_absent(logits, present))
    return F.log_softmax(stacked.sum(dim=0), dim=-1)


def two_class_rows(logits: Tensor) -> Tensor:
    """Of each label's log-odds, the logits of a problem of two classes.

    Class 0 is that the label is there. Their cross-entropy is the binary one
    of the label, and so on: what is said of classes holds of labels.

    Args:
        logits (Tensor): (B, C).

    Returns:
        Tensor: (B C, 2), label by label of each sample.
    """
    return torch.stack([logits, torch.zeros_like(logits)], -1).flatten(0, 1)


def label_by_label(rule: Callable, logits: Dict[str, Tensor],
                   present: Present = None) -> Tensor:
    """Apply a rule to each of C labels that do not exclude each other.

    Args:
        rule (Callable): One of those above.
        logits (Dict[str, Tensor]): Log-odds (B, C) of each modality.
        present: As in every rule.

    Returns:
        Tensor: Log-odds (B, C).
    """
    shape = next(iter(logits.values())).shape
    log_probs = rule(
        {m: two_class_rows(z) for m, z in logits.items()},
        {m: there.repeat_interleave(shape[1])
         for m, there in (present or {}).items()})
    return (log_probs[:, 0] - log_probs[:, 1]).view(shape)


def pool_weighted(logits: Dict[str, Tensor],
                  weights: Union[Tensor, Sequence[float]],
                  pool: str = 'probs',
                  present: Present = None) -> Tensor:
    """Weighted pool of the modalities' predictions.

    Args:
        logits, present: As in every rule.
        weights (Tensor | Sequence[float]): One weight per modality, in the
            order of ``logits``, not negative, summing to 1: (M, ), or (M, B)
            where each sample has its own.
        pool (str): 'probs' for ``log sum_m w_m p^m`` (linear pool) or
            'log_probs' for ``log_softmax(sum_m w_m log p^m)`` (logarithmic
            pool). Defaults to 'probs'.
    """
    require_choice('pool', pool, POOLS)
    stacked = _stack(silence_absent(logits, present))
    log_probs = F.log_softmax(stacked, dim=-1)
    weights = torch.as_tensor(weights).to(log_probs)
    if weights.ndim == 1:
        weights = weights[:, None]
    if weights.shape not in ((len(logits), 1), log_probs.shape[:2]):
        raise ValueError(f'{len(logits)} modalities ({", ".join(logits)}) '
                         f'need as many weights, but got shape '
                         f'{tuple(weights.shape)}')
    if present:
        weights = _shared_out(weights, list(logits), present)
    weights = weights[..., None]
    if pool == 'probs':
        # log 0 = -inf drops the modality out of the sum, as it should.
        return (log_probs + weights.log()).logsumexp(dim=0)
    return F.log_softmax((weights * log_probs).sum(dim=0), dim=-1)


def _shared_out(weights: Tensor, names: List[str],
                present: Dict[str, Tensor]) -> Tensor:
    """Weights (M, B) of what each sample has, which sum to 1.

    ``weights`` are (M, B), or (M, 1) for all samples.
    """
    some = next(iter(present.values()))
    mask = torch.stack(
        [present.get(name, torch.ones_like(some)) for name in names])
    # A sample that has nothing: equal weights of equal logits.
    mask = mask | ~mask.any(dim=0)
    weights = weights * mask
    return weights / weights.sum(dim=0)


def fit_pool_weights(logits: Dict[str, Tensor],
                     targets: Tensor,
                     pool: str = 'probs') -> Tensor:
    """Weights of the modalities that minimise the NLL of the pool.

    The negative log-likelihood of either pool is convex in the weights, so
    the answer on the simplex does not depend on the start. It is found on
    the CPU in float64. Fit on data that trained nothing (a validation
    split): on training data the branch that overfits most wins.

    Args:
        logits (dict[str, Tensor]): Logits (N, C) of each modality.
        targets (Tensor): True classes, integers of shape (N, ).
        pool (str): 'probs' or 'log_probs', see :func:`pool_weighted`.
            Defaults to 'probs'.

    Returns:
        Tensor: Weights of shape (M, ), float64 on the CPU, in the order of
        ``logits``; at least about 1e-6 each, summing to 1.
    """
    names = list(logits)
    stacked = _stack(logits).detach().to('cpu', torch.float64)
    labels = targets.detach().cpu().reshape(-1)
    if not len(labels) or len(labels) != stacked.shape[1]:
        raise ValueError(f'{stacked.shape[1]} predictions and {len(labels)} '
                         'targets: fitting needs as many of each, at least 1')
    wrong = [m for m, z in zip(names, stacked) if not z.isfinite().all()]
    if wrong:
        raise ValueError(f'the logits of {wrong} are not finite')
    count, pooled = len(names), dict(zip(names, stacked))

    def nll(weights: np.ndarray) -> Tuple[float, np.ndarray]:
        w = torch.tensor(weights, requires_grad=True)
        loss = F.nll_loss(pool_weighted(pooled, w, pool), labels)
        return loss.item(), torch.autograd.grad(loss, w)[0].numpy()

    with torch.enable_grad():
        result = minimize(
            nll,
            np.full(count, 1. / count),
            jac=True,
            method='SLSQP',
            bounds=[(MIN_WEIGHT, 1.)] * count,
            constraints=dict(
                type='eq', fun=lambda w: w.sum() - 1, jac=np.ones_like),
            options=dict(ftol=1e-12, maxiter=500))
    if not np.isfinite(result.x).all():
        raise RuntimeError(f'fitting the weights failed: {result.message}')
    weights = np.clip(result.x, MIN_WEIGHT, None)
    return torch.from_numpy(weights / weights.sum())
