"""The measures' values and their resampling, by independent means."""
import numpy as np
import pytest
import torch
from sklearn import metrics

from mmbalance_plugin.analysis.measures import MEASURES
from mmbalance_plugin.evaluation import functional as measured
from mmbalance_plugin.functional import ece


@pytest.fixture
def sample():
    """Forty predictions of four classes, of which targets name three."""
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), 40).astype(np.float32)
    return probabilities, generator.integers(0, 3, 40)


@pytest.mark.parametrize('name, reference', [
    ('acc/top1', measured.top1_accuracy),
    ('acc/mean1', measured.mean_class_accuracy),
    ('acc/macro_f1', measured.macro_f1),
    ('ece', lambda p, y: ece(torch.from_numpy(p), torch.from_numpy(y))),
    ('log_loss', lambda p, y: metrics.log_loss(
        y, p / p.sum(1, keepdims=True), labels=range(4))),
])
def test_values(sample, name, reference):
    measure = MEASURES[name]
    assert measure.of(*sample) == pytest.approx(
        float(reference(*sample)), rel=1e-5)
    # A sample twice weighs double.
    twice = [np.concatenate([x, x[:9]]) for x in sample]
    weights = np.where(np.arange(40) < 9, 2, 1)
    weighted = measure.value(weights @ measure.parts(*sample))
    assert weighted == pytest.approx(float(reference(*twice)), rel=1e-5)


def test_samples_without_a_prediction_do_not_count(sample):
    probabilities, targets = sample
    probabilities[30:] = np.nan
    for measure in MEASURES.values():
        assert measure.of(probabilities, targets) == pytest.approx(
            measure.of(probabilities[:30], targets[:30]))
