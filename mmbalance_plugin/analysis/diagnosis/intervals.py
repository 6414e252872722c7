"""Means over seeds and samples, with what chance may have made of them."""
import math
from typing import List, NamedTuple, Optional, Tuple

import numpy as np
from scipy import stats

from ..differences import (
    MIN_SEEDS,
    Difference,
    Paired,
    cluster_sums,
    difference,
)
from ..measures import MEASURES

#: Estimate, lower and upper bound.
Interval = List[float]


class Judge(NamedTuple):
    """Turns numbers of samples into intervals.

    All take (seeds, N) numbers, one a sample, NaN where it has none; samples
    that lack one in any seed are left out. A single row, of a model that was
    given, stands for all seeds. With less than
    :data:`~mmbalance_plugin.analysis.differences.MIN_SEEDS` seeds only the
    chance of the samples is in the interval, else that of the seeds too, see
    :func:`~mmbalance_plugin.analysis.differences.difference`.

    Attributes:
        clusters (ndarray | None): Sources of the samples, (N, ), where
            samples share one; they are resampled together.
    """
    clusters: Optional[np.ndarray] = None

    def mean(self, values: np.ndarray, level: float = .95) -> Interval:
        """Mean of any numbers: estimate and bounds at a level."""
        found, *_ = self._found(values, 0.)
        return [found.estimate, *found.interval(level)]

    def rate(self, right: np.ndarray, level: float = .95) -> Interval:
        r"""A share of samples, from zeros and ones.

        Wilson's interval, of as many samples as would give the standard
        error that was found, which is within [0, 1] and has some width where
        all are right:

        .. math::
            n = \frac{p (1 - p)}{V}, \qquad
            \frac{p + t^2 / 2n \pm t \sqrt{p (1 - p) / n + t^2 / 4n^2}}
            {1 + t^2 / n}.
        """
        found, count, _ = self._found(right, 0.)
        p = found.estimate
        if found.error:
            count = p * (1 - p) / found.error**2
        t = float(stats.t.ppf((1 + level) / 2, found.freedom))
        middle = (p + t**2 / 2 / count) / (1 + t**2 / count)
        reach = t / (1 + t**2 / count) * math.sqrt(
            p * (1 - p) / count + t**2 / 4 / count**2)
        return [p, max(0., middle - reach), min(1., middle + reach)]

    def gain(self, right: np.ndarray, other: np.ndarray,
             level: float = .95) -> Interval:
        """A paired difference of two shares, from zeros and ones.

        Agresti and Min's interval: as if there were one more sample that
        only the first has right and one that only the other has, each of
        half the weight, so that samples none of which differs do not prove
        that none ever will.
        """
        found, _, count = self._found(right, other)
        error = math.hypot(found.error * count, 1) / (count + 2)
        found = found._replace(error=error)
        low, high = found.interval(level)
        return [found.estimate, max(-1., low), min(1., high)]

    def _found(self, values: np.ndarray, against: object
               ) -> Tuple[Difference, float, int]:
        """The difference, and of how many sources and samples it is."""
        own, other = np.broadcast_arrays(
            np.asarray(values, float), np.asarray(against, float))
        there = ~np.isnan(own + other).any(axis=0)
        own, other = own[:, there], other[:, there]
        if len(own) < MIN_SEEDS:
            own, other = (np.repeat(x.mean(axis=0, keepdims=True), MIN_SEEDS,
                                    axis=0) for x in (own, other))
        clusters = None if self.clusters is None else self.clusters[there]

        def sums(rows: np.ndarray) -> np.ndarray:
            return np.stack([cluster_sums(
                np.stack([row, np.ones(len(row))], axis=1), clusters)
                for row in rows])

        # Accuracy's: the sum of the values over their number.
        paired = Paired(sums(own), sums(other))
        return (difference([paired], MEASURES['acc/top1']),
                float(paired.method.shape[1]), int(there.sum()))
