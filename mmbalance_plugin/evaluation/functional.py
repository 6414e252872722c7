"""Measures of single-label classification, as functions of arrays.

All of them take scores (N, C) and labels (N, ), return a float in [0, 1],
and treat classes that no label names alike: such a class is left out of the
mean over classes. Predicting it is still wrong for the sample in question.
The numbers are scikit-learn's, which is imported by the first evaluation
rather than by every start of a program.
"""
import numpy as np


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
    from sklearn.metrics import recall_score
    return float(
        recall_score(
            labels,
            scores.argmax(axis=1),
            labels=np.unique(labels),
            average='macro'))


def macro_f1(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the classes' F1 scores.

    Args:
        scores (np.ndarray): Scores of shape (N, C).
        labels (np.ndarray): Classes of shape (N, ).

    Returns:
        float: In [0, 1]. A class that is never predicted has F1 = 0.
    """
    from sklearn.metrics import f1_score
    return float(
        f1_score(
            labels,
            scores.argmax(axis=1),
            labels=np.unique(labels),
            average='macro'))


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the average precision, one class against the rest.

    Each class ranks all samples by its score; the average precision is the
    area under the step-wise precision-recall curve, in which samples of equal
    scores share one step.

    Args:
        scores (np.ndarray): Scores of shape (N, C).
        labels (np.ndarray): Classes of shape (N, ).

    Returns:
        float: In [0, 1].
    """
    from sklearn.metrics import average_precision_score
    present = np.unique(labels)
    positives = (labels[:, None] == present[None]).astype(np.int64)
    return float(average_precision_score(positives, scores[:, present]))
