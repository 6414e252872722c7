"""Means over seeds and samples, with what chance may have made of them."""
from typing import List, NamedTuple, Optional

import numpy as np

from ..differences import MIN_SEEDS, Paired, cluster_sums, difference
from ..measures import MEASURES

#: Estimate, lower and upper bound.
Interval = List[float]


class Judge(NamedTuple):
    """Turns numbers of samples into intervals.

    Attributes:
        clusters (ndarray | None): Sources of the samples, (N, ), where
            samples share one; they are resampled together.
    """
    clusters: Optional[np.ndarray] = None

    def mean(self, values: np.ndarray, against: Optional[np.ndarray] = None,
             level: float = .95) -> Interval:
        """Mean of some values, or of a paired difference.

        Args:
            values (ndarray): (seeds, N), one number a sample; NaN where it
                has none.
            against (ndarray): The same of what is subtracted. A single row,
                of a model that was given, stands for all seeds. Defaults to
                None, nothing.
            level (float): Of the interval. Defaults to 0.95.

        Returns:
            list[float]: Estimate, lower and upper bound, see
            :func:`~mmbalance_plugin.analysis.differences.difference`. With
            less than :data:`~mmbalance_plugin.analysis.differences.MIN_SEEDS`
            seeds only the chance of the samples is in it.
        """
        own, other = np.broadcast_arrays(
            np.asarray(values, float),
            0. if against is None else np.asarray(against, float))
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
        found = difference([Paired(sums(own), sums(other))],
                           MEASURES['acc/top1'])
        return [found.estimate, *found.interval(level)]
