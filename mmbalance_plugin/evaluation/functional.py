"""Measures of single-label classification, as functions of arrays.

All of them take scores (N, C) and labels (N, ), return a float in [0, 1],
and treat classes that no label names alike: such a class is left out of the
mean over classes. Predicting it is still wrong for the sample in question.
With all classes among the labels the numbers are those of scikit-learn.
"""
import numpy as np
from mmaction.evaluation import mean_average_precision as _mean_ap


def top1_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples whose highest score is that of their label.

    Args:
        scores (np.ndarray): Scores of shape (N, C). The first of equal
            scores counts as the highest.
        labels (np.ndarray): Classes of shape (N, ).

    Returns:
        float: In [0, 1].
    """
    return float((scores.argmax(axis=1) == labels).mean())


def class_recalls(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Accuracy within each class.

    Args:
        scores (np.ndarray): Scores of shape (N, C).
        labels (np.ndarray): Classes of shape (N, ).

    Returns:
        np.ndarray: Shape (C, ), NaN for classes without a sample.
    """
    count = np.bincount(labels, minlength=scores.shape[1])
    hits = np.bincount(
        labels[scores.argmax(axis=1) == labels], minlength=scores.shape[1])
    return np.where(count > 0, hits / np.maximum(count, 1), np.nan)


def mean_class_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the accuracies within the classes.

    MMAction2's function of this name also averages over classes that only
    occur among the predictions, as zeros.

    Args:
        scores (np.ndarray): Scores of shape (N, C).
        labels (np.ndarray): Classes of shape (N, ).

    Returns:
        float: In [0, 1].
    """
    return float(np.nanmean(class_recalls(scores, labels)))


def macro_f1(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the classes' F1 scores.

    Args:
        scores (np.ndarray): Scores of shape (N, C).
        labels (np.ndarray): Classes of shape (N, ).

    Returns:
        float: In [0, 1]. A class that is never predicted has F1 = 0.
    """
    classes = scores.shape[1]
    predicted = scores.argmax(axis=1)
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    count = np.bincount(labels, minlength=classes)
    # 2 TP / (2 TP + FP + FN), whose denominator is labelled + predicted.
    total = count + np.bincount(predicted, minlength=classes)
    present = count > 0
    return float((2 * hits[present] / total[present]).mean())


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the average precision, one class against the rest.

    Each class ranks all samples by its score; MMAction2 computes the area
    under the step-wise precision-recall curve, in which samples of equal
    scores share one step.

    Args:
        scores (np.ndarray): Scores of shape (N, C).
        labels (np.ndarray): Classes of shape (N, ).

    Returns:
        float: In [0, 1].
    """
    present = np.unique(labels)
    positives = labels[:, None] == present[None]
    return float(_mean_ap(scores[:, present], positives.astype(np.int64)))
