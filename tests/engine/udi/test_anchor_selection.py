"""Accuracy first, entropy between similar ones."""
import math

import pytest
import torch

from mmbalance_plugin.engine.udi import choose_anchor

N = 1000
TARGETS = torch.zeros(N, dtype=torch.long)


def logits(correct, margin):
    """``correct`` of N samples right, each with the same confidence."""
    z = torch.zeros(N, 3)
    z[:correct, 0] = margin
    z[correct:, 1] = margin
    return z


def test_the_most_accurate_modality_is_the_anchor():
    choice = choose_anchor(
        dict(a=logits(800, 1.), b=logits(820, .1), c=logits(500, 9.)), TARGETS)
    assert choice.anchor == 'b'  # though the least sure of all
    assert choice.accuracy == pytest.approx(dict(a=.8, b=.82, c=.5))


def test_entropy_decides_between_similar_ones():
    pair = dict(a=logits(804, .5), b=logits(800, 2.))
    assert choose_anchor(pair, TARGETS, tolerance=.005).anchor == 'b'
    assert choose_anchor(pair, TARGETS, tolerance=.003).anchor == 'a'


def test_entropy_is_the_mean_over_samples_in_nats():
    choice = choose_anchor(dict(a=torch.zeros(N, 3)), TARGETS)
    assert choice.entropy['a'] == pytest.approx(math.log(3))


def test_a_modality_is_judged_by_samples_that_have_it():
    there = torch.arange(N) >= 200  # without them 'a' is right in 600 of 800
    choice = choose_anchor(
        dict(a=logits(800, 1.), b=logits(780, 1.), c=logits(N, 1.)), TARGETS,
        present=dict(a=there, c=torch.zeros(N, dtype=torch.bool)))
    assert choice.accuracy == pytest.approx(dict(a=.75, b=.78))
    assert choice.anchor == 'b'


def test_the_reason_holds_every_accuracy():
    choice = choose_anchor(dict(a=logits(10, 1.), b=logits(500, 1.)), TARGETS)
    assert 'a 1.00 %' in choice.reason and 'b 50.00 %' in choice.reason


def test_several_labels_choose_by_their_average_precision():
    generator = torch.Generator().manual_seed(0)
    targets = (torch.rand(200, 3, generator=generator) < .3).float()
    noise = torch.randn(2, 200, 3, generator=generator)
    known = dict(a=targets + noise[0], b=3 * targets + noise[1])
    choice = choose_anchor(known, targets)
    assert choice.anchor == 'b' and 'highest validation mAP' in choice.reason
    from sklearn.metrics import average_precision_score
    for m, z in known.items():
        assert choice.accuracy[m] == pytest.approx(
            average_precision_score(targets, z), abs=1e-6)
        p = z.sigmoid()
        entropy = -(p * p.log() + (1 - p) * (1 - p).log()).mean()
        assert choice.entropy[m] == pytest.approx(entropy.item(), rel=1e-4)
