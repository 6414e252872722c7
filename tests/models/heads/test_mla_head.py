"""MLAHead: one classifier, a mixture by how sure each modality is."""
import math

import pytest
import torch

from mmbalance_plugin.models.heads import MLAHead

P = dict(rgb=(.7, .2, .1), flow=(.4, .35, .25))
WEIGHTS = dict(rgb=.569230, flow=.430770)


def golden_head():
    """Its logits are its features: log-probabilities, put in as they are."""
    head = MLAHead(3, dict(rgb=3, flow=3))
    with torch.no_grad():
        head.fc.weight.copy_(torch.eye(3))
        head.fc.bias.zero_()
    return head


def rows(*each):
    """Features of a few samples, for each a dict of probabilities."""
    return {m: torch.tensor([p[m] for p in each]).log() for m in P}


def test_surer_modalities_weigh_more():
    fused = golden_head()(rows(P))
    expected = [
        WEIGHTS['rgb'] * a + WEIGHTS['flow'] * b
        for a, b in zip(P['rgb'], P['flow'])
    ]
    torch.testing.assert_close(
        fused.exp(), torch.tensor([expected]), atol=1e-6, rtol=0)


def test_samples_are_weighted_each_by_itself():
    head = golden_head()
    other = dict(rgb=(.98, .01, .01), flow=(1 / 3, 1 / 3, 1 / 3))
    torch.testing.assert_close(head(rows(P, other))[:1], head(rows(P)))


def test_what_a_sample_lacks_is_left_out():
    head = golden_head()
    given = rows(P, P, P)
    present = dict(
        rgb=torch.tensor([True, False, False]),
        flow=torch.tensor([True, True, False]))
    fused = head.fused_logits(given, present).exp()
    torch.testing.assert_close(fused[:1], head(rows(P)).exp())
    torch.testing.assert_close(fused[1], torch.tensor(P['flow']))
    torch.testing.assert_close(fused[2], torch.full((3, ), 1 / 3))


def test_three_modalities_share_what_is_left():
    head = MLAHead(4, dict(a=5, b=5, c=5))
    given = {m: torch.randn(6, 5) for m in 'abc'}
    two = MLAHead(4, dict(a=5, c=5))
    two.load_state_dict(head.state_dict())
    nowhere = dict(b=torch.zeros(6, dtype=torch.bool))
    torch.testing.assert_close(
        head.fused_logits(given, nowhere),
        two(dict(a=given['a'], c=given['c'])))


def test_one_classifier_speaks_for_all():
    head = MLAHead(4, dict(a=5, b=5))
    given = {m: torch.randn(6, 5) for m in 'ab'}
    for name, logits in head.unimodal_logits(given).items():
        assert torch.equal(logits, head.fc(given[name]))
    assert list(head.unimodal_logits(given, ['b'])) == ['b']


def test_certainty_gives_finite_gradients():
    head = golden_head()
    given = dict(
        rgb=torch.tensor([[300., 0., 0.]]), flow=torch.zeros(1, 3))
    head.criterion(head(given), torch.tensor([1])).backward()
    assert head.fc.weight.grad.isfinite().all()


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match=r"one width.*'b': 6.*proj_channels"):
        MLAHead(4, dict(a=5, b=6))


def test_the_first_gradient_passes_and_the_second_meets_p():
    head = MLAHead(2, dict(a=2, b=2)).double()
    g = torch.tensor([[1., 2.], [3., 4.]], dtype=torch.float64)
    r = torch.tensor([1., 0.], dtype=torch.float64)
    assert torch.equal(head.correct(g, r, .1), g)
    assert torch.equal(head.projection, torch.eye(2, dtype=torch.float64))
    # P = diag(.090909, 1) over its Frobenius norm.
    norm = math.hypot(1 / 11, 1)
    expected = g * torch.tensor([1 / 11 / norm, 1 / norm])
    torch.testing.assert_close(head.correct(g, r, .1), expected)
    other = MLAHead(2, dict(a=2, b=2)).double()
    other.load_state_dict(head.state_dict())
    torch.testing.assert_close(
        other.correct(g, r.flip(0), .1), head.correct(g, r.flip(0), .1))


def test_p_takes_nothing_that_is_not_finite():
    head = MLAHead(2, dict(a=2, b=2))
    head.correct(torch.ones(2, 2), torch.ones(2), .1)
    head.correct(torch.ones(2, 2), torch.tensor([float('inf'), 0.]), .1)
    assert torch.equal(head.projection, torch.eye(2))
