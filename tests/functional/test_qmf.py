"""QMF's confidence, fusion and ranking."""
import pytest
import torch

from mmbalance_plugin.functional import (
    qmf_confidence,
    qmf_fuse,
    qmf_rank_loss,
    sum_logits,
)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


Z = dict(a=double([2., 0., -1.]), b=double([.5, .4, .1]))


def test_golden_confidence_and_fusion():
    assert [qmf_confidence(z).item() for z in Z.values()
            ] == pytest.approx([.216985, .144591], abs=1e-6)
    torch.testing.assert_close(
        qmf_fuse(Z),
        double([.506265, .057836, -.202525]).log_softmax(1),
        atol=1e-6,
        rtol=0)


def test_no_gradient_goes_through_the_weights():
    z = {m: v.clone().requires_grad_() for m, v in Z.items()}
    qmf_fuse(z)[0, 0].backward()
    p = qmf_fuse(Z).exp()[0]
    for m, v in z.items():
        torch.testing.assert_close(
            v.grad[0], qmf_confidence(Z[m]) * (double(1., 0., 0.) - p))


def test_equal_confidences_are_a_scaled_sum():
    z = {m: double([1., 2., 3.]).roll(i, 1) for i, m in enumerate('abc')}
    c = qmf_confidence(z['a'])
    torch.testing.assert_close(
        qmf_fuse(z), sum_logits({m: c * v for m, v in z.items()}))


def test_what_is_absent_is_left_out():
    present = dict(b=torch.tensor([False]))
    torch.testing.assert_close(
        qmf_fuse(Z, present), qmf_fuse(dict(a=Z['a'])))


def test_golden_rank_loss():
    """Losses .2, .25 and 1., scaled."""
    confidence = double(.30, .60, .28).requires_grad_()
    loss = qmf_rank_loss(confidence, double(0., .0625, 1.))
    assert loss.item() == pytest.approx(.079167, abs=1e-6)
    loss.backward()
    torch.testing.assert_close(confidence.grad, double(-1., 1., 0.) / 3)


def test_nothing_is_compared_with_the_unknown():
    confidence = double(.9, .1, .5).requires_grad_()
    history = double(1., torch.nan, .0)
    # Only the third with the first: the surer one had the larger loss.
    loss = qmf_rank_loss(confidence, history)
    assert loss.item() == 0  # the tolerance is 1
    loss = qmf_rank_loss(confidence, torch.full((3, ), torch.nan))
    loss.backward()
    assert loss.item() == 0 and not confidence.grad.any()
    history = double(.2, torch.nan, .0)
    assert qmf_rank_loss(confidence, history).item() == (
        pytest.approx((.4 - .2) / 3))
