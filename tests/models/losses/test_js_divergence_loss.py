import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from mmbalance_plugin.models.losses import JSDivergenceLoss
from mmbalance_plugin.registry import MODELS
from tests.dist_utils import run_ranks


def logits(seed):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(16, 5, generator=generator)


def test_built_from_a_config_and_equal_to_scipy():
    loss = MODELS.build(
        dict(type='mmbalance_plugin.JSDivergenceLoss', loss_weight=2.5))
    p, q = logits(0), logits(1)
    expected = jensenshannon(p.softmax(1), q.softmax(1), axis=1)**2
    assert loss(p, q).item() == pytest.approx(2.5 * expected.mean(), rel=1e-5)
    each = JSDivergenceLoss(reduction='none')(p, q)
    np.testing.assert_allclose(each, expected, rtol=1e-4)
    assert JSDivergenceLoss(reduction='sum')(p, q).item() == pytest.approx(
        expected.sum(), rel=1e-5)


def test_gradient_and_weight():
    p, q = logits(0).requires_grad_(), logits(1).requires_grad_()
    JSDivergenceLoss()(p.detach(), q).backward()
    one = q.grad.clone()
    q.grad = None
    JSDivergenceLoss(loss_weight=3.)(p.detach(), q).backward()
    torch.testing.assert_close(q.grad, 3 * one)


def test_extremes_and_autocast():
    loss = JSDivergenceLoss()
    p = (1e4 * torch.eye(5)).requires_grad_()
    q = (-1e4 * torch.eye(5)).requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = loss(p, q)
    assert value.dtype == torch.float32
    value.backward()
    assert value.isfinite()
    assert p.grad.isfinite().all() and q.grad.isfinite().all()


def test_no_state():
    assert not JSDivergenceLoss().state_dict()


def _half_of_the_batch():
    rows = slice(0, 8) if torch.distributed.get_rank() == 0 else slice(8, 16)
    q = logits(1).requires_grad_()
    JSDivergenceLoss()(logits(0)[rows], q[rows]).backward()
    return q.grad


def test_mean_over_ranks_is_the_gradient_of_the_whole_batch():
    q = logits(1).requires_grad_()
    JSDivergenceLoss()(logits(0), q).backward()
    grads = run_ranks(_half_of_the_batch, 2)
    torch.testing.assert_close(sum(grads) / 2, q.grad)


def test_unknown_reduction_is_refused_at_construction():
    with pytest.raises(ValueError, match="'batchmean'"):
        JSDivergenceLoss(reduction='batchmean')


def test_several_labels_diverge_each_by_itself():
    p, q = logits(0), logits(1)
    loss = JSDivergenceLoss(multi_class=True)
    two = [np.stack([z.sigmoid().numpy(), 1 - z.sigmoid().numpy()], -1)
           for z in (p, q)]
    each = (jensenshannon(*two, axis=2)**2).mean(axis=1)
    assert loss(p, q).item() == pytest.approx(each.mean(), rel=1e-4)
    assert JSDivergenceLoss(reduction='sum', multi_class=True)(
        p, q).item() == pytest.approx(each.sum(), rel=1e-4)
    np.testing.assert_allclose(
        JSDivergenceLoss(reduction='none', multi_class=True)(p, q), each,
        rtol=1e-3)
    # One label is a problem of two classes.
    one = torch.cat([p[:, :1], torch.zeros(16, 1)], 1)
    other = torch.cat([q[:, :1], torch.zeros(16, 1)], 1)
    torch.testing.assert_close(
        loss(p[:, :1], q[:, :1]), JSDivergenceLoss()(one, other))
