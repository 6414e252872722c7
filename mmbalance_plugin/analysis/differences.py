"""Differences between two methods, with what chance may have made of them."""
from functools import lru_cache
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from scipy import stats

from .measures import Measure

RESAMPLES = 1000
#: With fewer, their spread is too uncertain for any interval to hold.
MIN_SEEDS = 3
#: With fewer, nothing is said across folds.
POOLED_FOLDS = 5


class Paired(NamedTuple):
    """Two methods on the test samples of one fold.

    Attributes:
        method (ndarray): The measure's parts, summed over the samples of
            each cluster: (seeds, clusters, K).
        baseline (ndarray): The same, of the same seeds and samples.
        sources (ndarray | None): Numbers of the clusters, the same in all
            folds; None if each fold has clusters of its own.
    """
    method: np.ndarray
    baseline: np.ndarray
    sources: Optional[np.ndarray] = None


class Difference(NamedTuple):
    """Method minus baseline.

    Attributes:
        estimate (float): Mean over folds and seeds.
        error (float): Its standard error; NaN with less than
            :data:`MIN_SEEDS` seeds.
        freedom (float): Degrees of freedom of the error.
        runs (int): How many pairs of runs there are.
    """
    estimate: float
    error: float
    freedom: float
    runs: int

    @property
    def p(self) -> float:
        """float: Two-sided p-value, NaN where the error is."""
        if self.error == 0:
            return 1. if self.estimate == 0 else 0.
        return float(
            2 * stats.t.sf(abs(self.estimate) / self.error, self.freedom))

    def interval(self, level: float) -> 'tuple[float, float]':
        """Where the true difference lies, at a level such as 0.95."""
        reach = self.error and self.error * float(
            stats.t.ppf((1 + level) / 2, self.freedom))
        return self.estimate - reach, self.estimate + reach


def cluster_sums(parts: np.ndarray,
                 clusters: Optional[np.ndarray]) -> np.ndarray:
    """Add up the parts of samples that share a source.

    Args:
        parts (ndarray): (N, K).
        clusters (ndarray, optional): The samples' sources, (N, ); None where
            each is its own.

    Returns:
        ndarray: (clusters, K).
    """
    if clusters is None:
        return parts
    names, codes = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(names), parts.shape[1]))
    np.add.at(sums, codes, parts)
    return sums


def difference(folds: Sequence[Paired], measure: Measure) -> Difference:
    r"""Estimate a difference and its standard error.

    Two things are left to chance: which samples were tested and which seeds
    were drawn. A fold's variance is

    .. math::
        V_f = V^{samples} + \max(0, s^2 / S - V^{both}).

    The first part is that of a bootstrap over the fold's clusters, all seeds
    and both methods keeping the same resample, times C / (C - 1). In the
    second s is the deviation of the paired differences over S seeds, which
    has a share in it that samples have in each seed anew,
    :math:`V^{both} = (\overline{V_s} - V^{samples}) / (S - 1)` with the
    bootstrap's variance :math:`V_s` of seed s alone. Degrees of freedom are
    Satterthwaite's, in which the seeds count with all of :math:`s^2 / S`: few
    seeds may look alike by chance.

    The difference is the mean over F folds, its variance the mean of V_f
    divided by F, except that folds which share sources keep the same resample
    of them, so that :math:`V^{samples}` is that of their mean; from
    :data:`POOLED_FOLDS` folds on at least the variance of the folds' mean,
    which has the training data's chance in it.

    Args:
        folds (Sequence[Paired]): Folds whose test samples are disjoint.
        measure (Measure): What is compared.

    Returns:
        Difference: Of the measure's own sign.
    """
    means, courses, by_samples, by_seeds, doubts = [], [], [], [], []
    shared, drawings = _drawings(folds)
    for fold, weights in zip(folds, drawings):
        each = (measure.value(fold.method.sum(axis=1))
                - measure.value(fold.baseline.sum(axis=1)))
        drawn = _resampled(fold.method, weights, measure) - _resampled(
            fold.baseline, weights, measure)
        seeds, clusters = fold.method.shape[:2]
        scale = clusters / max(clusters - 1, 1)
        samples = drawn.mean(axis=1).var(ddof=1) * scale
        extra = doubt = np.nan
        if seeds >= MIN_SEEDS:
            own = drawn.var(axis=0, ddof=1).mean() * scale
            both = (own - samples) / (seeds - 1)
            spread = each.var(ddof=1) / seeds
            extra = max(0., spread - both)
            doubt = min(spread, samples + extra)**2 / (seeds - 1)
        means.append(each.mean())
        courses.append(drawn.mean(axis=1))
        by_samples.append((samples / len(folds)**2, clusters))
        by_seeds.append(extra / len(folds)**2)
        doubts.append(doubt / len(folds)**4)
    if shared:
        together = np.mean(courses, axis=0).var(ddof=1)
        by_samples = [(together * shared / max(shared - 1, 1), shared)]
    total = sum(v for v, _ in by_samples) + sum(by_seeds)
    doubt = sum(doubts) + sum(v**2 / max(c - 1, 1) for v, c in by_samples)
    freedom = total**2 / doubt if doubt else np.inf
    if len(folds) >= POOLED_FOLDS:
        between = np.var(means, ddof=1) / len(folds)
        if between > total:
            total, freedom = between, len(folds) - 1.
    return Difference(
        float(np.mean(means)), float(np.sqrt(total)), float(freedom),
        sum(len(fold.method) for fold in folds))


@lru_cache(maxsize=8)
def _weights(count: int) -> np.ndarray:
    """How often each of some clusters is drawn, (RESAMPLES, count)."""
    generator = np.random.default_rng(count)
    return generator.multinomial(
        count, np.full(count, 1 / count), RESAMPLES).astype(np.float32)


def _drawings(folds: Sequence[Paired]) -> Tuple[int, List[np.ndarray]]:
    """Weights of each fold's clusters, and how many sources the folds share;
    0 where each has its own."""
    sources = [fold.sources for fold in folds if fold.sources is not None]
    every = np.unique(np.concatenate(sources)) if sources else ()
    if len(sources) < len(folds) or len(every) == sum(map(len, sources)):
        return 0, [_weights(fold.method.shape[1]) for fold in folds]
    weights = [_weights(len(every))[:, np.searchsorted(every, own)]
               for own in sources]
    # A fold of few sources may be left without any.
    whole = np.all([own.any(axis=1) for own in weights], axis=0)
    return len(every), [own[whole] for own in weights]


def _resampled(sums: np.ndarray, weights: np.ndarray,
               measure: Measure) -> np.ndarray:
    """The measure of each resample and seed, (resamples, seeds)."""
    return measure.value(np.tensordot(weights, sums, (1, 1)))


def holm_levels(p_values: Sequence[float],
                alpha: float = .05) -> List[float]:
    """Confidence levels that agree with Holm's correction.

    The k-th smallest of m p-values is held against alpha / (m - k + 1), until
    one is above; all later ones are held against that one's. An interval of
    the level returned leaves out zero exactly where Holm rejects.

    Args:
        p_values (Sequence[float]): Of all comparisons in a table. NaN ones
            are never rejected, and count.
        alpha (float): Chance of one false verdict among all. Defaults to
            0.05.

    Returns:
        list[float]: A level for each.
    """
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.)
    levels: Dict[int, float] = {}
    bar = alpha
    rejecting = True
    for k, index in enumerate(np.argsort(p, kind='stable')):
        if rejecting:
            bar = alpha / (len(p) - k)
            rejecting = p[index] <= bar
        levels[int(index)] = 1 - bar
    return [levels[i] for i in range(len(p))]


def verdict(low: float, high: float, sign: int) -> str:
    """What an interval of a difference says.

    Args:
        low (float): Its lower end.
        high (float): Its upper end.
        sign (int): -1 where less is better.

    Returns:
        str: 'helps', 'hurts', 'within noise', or 'too few seeds' where
        there is no interval.
    """
    if np.isnan(low):
        return 'too few seeds'
    if low <= 0 <= high:
        return 'within noise'
    return 'helps' if (low > 0) == (sign > 0) else 'hurts'
