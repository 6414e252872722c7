"""Measures as functions of sums over samples, which a bootstrap reweights.

A measure turns each sample into a few numbers and the sums of these into a
value. Resampling then is a product of matrices.
"""
from typing import Callable, NamedTuple

import numpy as np

BINS = 15
_TINY = np.finfo(np.float32).tiny


class Measure(NamedTuple):
    """One measure.

    Attributes:
        parts (Callable): Of probabilities (N, C) and targets (N, ): the
            samples' numbers, (N, K). Of several labels targets are (N, C),
            for measures with ``multi_label``.
        value (Callable): Of sums (..., K): the measure, (...).
        classes_suffice (bool): Whether only the predicted class matters.
        sign (int): -1 where less is better.
        multi_label (bool): Whether there is one of several labels.
    """
    parts: Callable[[np.ndarray, np.ndarray], np.ndarray]
    value: Callable[[np.ndarray], np.ndarray]
    classes_suffice: bool = True
    sign: int = 1
    multi_label: bool = False

    def of(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """The measure of all samples that have a prediction."""
        there = ~np.isnan(probabilities[:, 0])
        return float(self.value(
            self.parts(probabilities[there], targets[there]).sum(axis=0)))


def _hits(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return (probabilities.argmax(axis=1) == targets).astype(float)


def _mean_parts(each: np.ndarray) -> np.ndarray:
    return np.stack([each, np.ones(len(each))], axis=1)


def _ratio(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def _losses(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    if targets.ndim == 2:  # the mean over labels, there or not
        true = np.where(targets == 1, probabilities, 1 - probabilities)
    else:
        true = probabilities[np.arange(len(targets)), targets][:, None]
    return -np.log(np.maximum(true, _TINY, dtype=float)).mean(axis=1)


def _class_parts(probabilities: np.ndarray,
                 targets: np.ndarray) -> np.ndarray:
    """Right, true and predicted, each by class: (N, 3 C)."""
    one = np.eye(probabilities.shape[1])
    true, predicted = one[targets], one[probabilities.argmax(axis=1)]
    return np.concatenate([true * predicted, true, predicted], axis=1)


def _over_classes(values: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean over the classes that samples have."""
    there = true > 0
    return np.where(there, values, 0).sum(axis=-1) / there.sum(axis=-1)


def _mean_class_accuracy(sums: np.ndarray) -> np.ndarray:
    right, true, _ = np.split(sums, 3, axis=-1)
    return _over_classes(right / np.maximum(true, 1e-9), true)


def _macro_f1(sums: np.ndarray) -> np.ndarray:
    right, true, predicted = np.split(sums, 3, axis=-1)
    return _over_classes(2 * right / np.maximum(true + predicted, 1e-9), true)


def _bin_parts(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Accuracy minus confidence by bin, and one: (N, BINS + 1)."""
    confidence = probabilities.max(axis=1)
    # In double: a confidence of exactly b / BINS belongs to bin b - 1.
    index = np.ceil(confidence.astype(float) * BINS).astype(int) - 1
    gap = _hits(probabilities, targets) - confidence
    parts = np.zeros((len(targets), BINS + 1))
    parts[np.arange(len(targets)), index.clip(0, BINS - 1)] = gap
    parts[:, -1] = 1
    return parts


MEASURES = {
    'acc/top1': Measure(lambda p, y: _mean_parts(_hits(p, y)), _ratio),
    'acc/mean1': Measure(_class_parts, _mean_class_accuracy),
    'acc/macro_f1': Measure(_class_parts, _macro_f1),
    'ece': Measure(
        _bin_parts,
        lambda sums: np.abs(sums[..., :-1]).sum(axis=-1) / sums[..., -1],
        classes_suffice=False, sign=-1),
    'log_loss': Measure(
        lambda p, y: _mean_parts(_losses(p, y)), _ratio,
        classes_suffice=False, sign=-1, multi_label=True),
}
