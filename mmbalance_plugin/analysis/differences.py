"""Differences between two methods, with what chance may have made of them."""
from functools import lru_cache
from typing import Dict, List, NamedTuple, Optional, Sequence

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
    """
    method: np.ndarray
    baseline: np.ndarray


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
    divided by F; from :data:`POOLED_FOLDS` folds on at least the variance of
    the folds' mean, which has the training data's chance in it.

    Args:
        folds (Sequence[Paired]): Folds whose test samples are disjoint.
        measure (Measure): What is compared.

    Returns:
        Difference: Of the measure's own sign.
    """
    means, variances, doubts = [], [], []
    for fold in folds:
        each = (measure.value(fold.method.sum(axis=1))
                - measure.value(fold.baseline.sum(axis=1)))
        drawn = _resampled(fold.method, measure) - _resampled(
            fold.baseline, measure)
        seeds, clusters = fold.method.shape[:2]
        scale = clusters / max(clusters - 1, 1)
        samples = drawn.mean(axis=1).var(ddof=1) * scale
        variance = doubt = np.nan
        if seeds >= MIN_SEEDS:
            own = drawn.var(axis=0, ddof=1).mean() * scale
            both = (own - samples) / (seeds - 1)
            spread = each.var(ddof=1) / seeds
            variance = samples + max(0., spread - both)
            doubt = (samples**2 / max(clusters - 1, 1)
                     + min(spread, variance)**2 / (seeds - 1))
        means.append(each.mean())
        variances.append(variance)
        doubts.append(doubt)
    total = sum(variances) / len(folds)**2
    doubt = sum(doubts) / len(folds)**4
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


def _resampled(sums: np.ndarray, measure: Measure) -> np.ndarray:
    """The measure of each resample and seed, (RESAMPLES, seeds)."""
    drawn = np.tensordot(_weights(sums.shape[1]), sums, (1, 1))
    return measure.value(drawn)


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
