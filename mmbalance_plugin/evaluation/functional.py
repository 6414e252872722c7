"""Measures of classification, as functions of arrays.

All of them take scores (N, C) and labels (N, ), and the average precision
those of several labels per sample, too: zeros and ones (N, C). They return a
float in [0, 1], and treat classes that no label names alike: such a class is
left out of the mean over classes. Predicting it is still wrong for the sample
in question.
The numbers are scikit-learn's, which is imported by the first evaluation
rather than by every start of a program.
"""
from typing import Callable

import numpy as np


def top1_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples whose highest score is that of their label.

    The first of equal scores counts as the highest.
    """
    return float((scores.argmax(axis=1) == labels).mean())


def top_k_accuracy(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of samples whose label is among the k highest scores.

    Of equal scores the first count as the highest.

    Raises:
        ValueError: There are not more than k classes.
    """
    if k >= scores.shape[1]:
        raise ValueError(f'top{k} of {scores.shape[1]} classes is always 1')
    highest = (-scores).argsort(axis=1, kind='stable')[:, :k]
    return float((highest == labels[:, None]).any(axis=1).mean())


def mean_class_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the accuracies within the classes.

    MMAction2's function of this name also averages over classes that only
    occur among the predictions, as zeros.
    """
    from sklearn.metrics import recall_score
    return _macro(recall_score, scores, labels)


def macro_f1(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the classes' F1 scores; 0 for one that is never predicted."""
    from sklearn.metrics import f1_score
    return _macro(f1_score, scores, labels)


def _macro(measure: Callable, scores: np.ndarray, labels: np.ndarray) -> float:
    return float(
        measure(
            labels,
            scores.argmax(axis=1),
            labels=np.unique(labels),
            average='macro'))


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the average precision, one class against the rest.

    Each class ranks all samples by its score; the average precision is the
    area under the step-wise precision-recall curve, in which samples of equal
    scores share one step.
    """
    from sklearn.metrics import average_precision_score
    if labels.ndim == 1:
        present = np.unique(labels)
        positives = (labels[:, None] == present[None]).astype(np.int64)
    else:
        present = np.flatnonzero(labels.any(axis=0))
        positives = labels[:, present].astype(np.int64)
    if not len(present):
        raise ValueError('no sample has a label: there is nothing to rank')
    return float(average_precision_score(positives, scores[:, present]))
