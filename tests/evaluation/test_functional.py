"""Measures against slow implementations and numbers by hand."""
import numpy as np
import pytest

from mmbalance_plugin.evaluation import functional

SCORES = np.array([[.6, .3, .1, 0], [.2, .5, .3, 0], [.4, .35, .25, 0],
                   [.1, .2, .7, 0], [.1, .1, .2, .6]])
LABELS = np.array([0, 1, 1, 2, 2])


def slow_counts(scores, labels, c):
    tp = fp = fn = 0
    for row, label in zip(scores, labels):
        guess = max(range(len(row)), key=lambda k: row[k])
        tp += guess == c and label == c
        fp += guess == c and label != c
        fn += guess != c and label == c
    return tp, fp, fn


def slow_mean1(scores, labels):
    recalls = []
    for c in sorted(set(labels)):
        tp, _, fn = slow_counts(scores, labels, c)
        recalls.append(tp / (tp + fn))
    return sum(recalls) / len(recalls)


def slow_f1(scores, labels):
    values = []
    for c in sorted(set(labels)):
        tp, fp, fn = slow_counts(scores, labels, c)
        precision = tp / (tp + fp) if tp + fp else 0
        recall = tp / (tp + fn)
        both = precision + recall
        values.append(2 * precision * recall / both if both else 0)
    return sum(values) / len(values)


def slow_map(scores, labels):
    """Sum of precision times the gain of recall over all thresholds."""
    values = []
    for c in sorted(set(labels)):
        positives = sum(label == c for label in labels)
        total = last = 0
        for threshold in sorted(set(scores[:, c]), reverse=True):
            chosen = [
                label == c for row, label in zip(scores, labels)
                if row[c] >= threshold
            ]
            recall = sum(chosen) / positives
            total += (recall - last) * sum(chosen) / len(chosen)
            last = recall
        values.append(total)
    return sum(values) / len(values)


def test_top_k_by_hand():
    # Ranks of the labels: 1, 1, 2, 1, 2; the fourth has ties behind it.
    assert functional.top_k_accuracy(SCORES, LABELS, 1) == .6
    assert functional.top_k_accuracy(SCORES, LABELS, 2) == 1.
    equal = np.ones((3, 4))
    assert functional.top_k_accuracy(equal, np.array([0, 1, 3]), 2) == 2 / 3
    with pytest.raises(ValueError, match='top4 of 4 classes is always 1'):
        functional.top_k_accuracy(SCORES, LABELS, 4)


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('ties', [False, True])
def test_against_slow_implementations(seed, ties):
    rng = np.random.default_rng(seed)
    scores = rng.random((40, 6))
    if ties:
        scores = scores.round(1)
    # Class 4 has no label, class 5 one only.
    labels = rng.integers(0, 4, 40)
    labels[7] = 5
    for name, slow in [('mean_class_accuracy', slow_mean1),
                       ('macro_f1', slow_f1),
                       ('mean_average_precision', slow_map)]:
        value = getattr(functional, name)(scores, labels)
        assert type(value) is float
        assert value == pytest.approx(slow(scores, labels), abs=1e-12), name
    hits = sum(row.argmax() == label for row, label in zip(scores, labels))
    assert functional.top1_accuracy(scores, labels) == hits / 40


def test_numbers_by_hand():
    # Predicted 0 1 0 2 3: class 3 has no label, and the guess costs class 2.
    assert functional.top1_accuracy(SCORES, LABELS) == pytest.approx(3 / 5)
    assert functional.mean_class_accuracy(SCORES, LABELS) == pytest.approx(
        2 / 3)
    # Each of the three: 2 TP / (labelled + predicted) = 2/3.
    assert functional.macro_f1(SCORES, LABELS) == pytest.approx(2 / 3)
    # Class 0 ranks its sample first; class 1 both first; class 2 has the
    # order .7 + .3 - .25 - .2 + .1 -: precision 1 and 2/4.
    assert functional.mean_average_precision(
        SCORES, LABELS) == pytest.approx((1 + 1 + .75) / 3)


@pytest.mark.parametrize('name', [
    'top1_accuracy', 'mean_class_accuracy', 'macro_f1',
    'mean_average_precision'
])
def test_the_best_and_the_worst(name):
    measure = getattr(functional, name)
    labels = np.array([0, 1, 2, 2])
    perfect = np.eye(4)[labels]
    assert measure(perfect, labels) == 1
    assert measure(1 - perfect, labels) <= .5
    order = [2, 0, 3, 1]
    assert measure(SCORES[order[:4]], LABELS[order[:4]]) == pytest.approx(
        measure(SCORES[:4], LABELS[:4]))


@pytest.mark.parametrize('classes', [1, 2])
def test_labels_of_one_or_two_classes(recwarn, classes):
    """A column of its own shape for scikit-learn, and no warning."""
    scores = np.random.default_rng(0).random((9, 4))
    labels = np.arange(9) % classes
    assert functional.mean_average_precision(scores, labels) == pytest.approx(
        slow_map(scores, labels))
    assert functional.mean_class_accuracy(scores, labels) == pytest.approx(
        slow_mean1(scores, labels))
    assert functional.macro_f1(scores, labels) == pytest.approx(
        slow_f1(scores, labels))
    assert not recwarn.list


def test_agrees_with_mmaction_where_all_classes_are_labelled():
    from mmaction.evaluation import mean_class_accuracy
    rng = np.random.default_rng(0)
    scores, labels = rng.random((60, 4)), np.arange(60) % 4
    assert functional.mean_class_accuracy(scores, labels) == pytest.approx(
        mean_class_accuracy(scores, labels.tolist()))


def test_average_precision_of_several_labels():
    """As MMAction2 has it, but for labels that nobody has."""
    from mmaction.evaluation import mean_average_precision as theirs
    generator = np.random.default_rng(0)
    scores = generator.random((50, 6))
    labels = (generator.random((50, 6)) < .3).astype(float)
    found = functional.mean_average_precision(scores, labels)
    assert found == pytest.approx(theirs(list(scores), list(labels)))
    labels[:, 2] = 0
    kept = [0, 1, 3, 4, 5]
    assert functional.mean_average_precision(
        scores, labels) == pytest.approx(
            theirs(list(scores[:, kept]), list(labels[:, kept])))
    with pytest.raises(ValueError, match='no sample has a label'):
        functional.mean_average_precision(scores, np.zeros((50, 6)))
    # One label per sample, in either form.
    single = np.eye(4)[LABELS]
    assert functional.mean_average_precision(
        SCORES, single) == functional.mean_average_precision(SCORES, LABELS)
