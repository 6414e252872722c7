import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from mmbalance_plugin.functional import js_divergence, predictive_entropy

LN2 = math.log(2)


def logits(n=32, c=7, scale=3., seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, c, generator=generator, dtype=dtype)


@pytest.mark.parametrize('scale', [.01, 1., 5., 50.])
def test_equals_scipy(scale):
    p, q = logits(scale=scale), logits(scale=scale, seed=1)
    expected = jensenshannon(p.softmax(1), q.softmax(1), axis=1)**2
    result = js_divergence(p, q, reduction='none')
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-14)


def test_equals_scipy_in_single_precision():
    p, q = logits(), logits(seed=1)
    expected = jensenshannon(p.softmax(1), q.softmax(1), axis=1)**2
    result = js_divergence(p.float(), q.float(), reduction='none')
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-7)


def test_reductions():
    p, q = logits(), logits(seed=1)
    each = js_divergence(p, q, reduction='none')
    assert each.shape == (32, )
    assert js_divergence(p, q).item() == pytest.approx(each.mean().item())
    assert js_divergence(p, q, 'sum').item() == pytest.approx(
        each.sum().item())
    assert js_divergence(p[0], q[0]).item() == pytest.approx(each[0].item())
    with pytest.raises(ValueError, match="'batchmean'"):
        js_divergence(p, q, 'batchmean')


def test_symmetric_and_blind_to_a_shift_of_the_logits():
    p, q = logits(), logits(seed=1)
    torch.testing.assert_close(js_divergence(p, q), js_divergence(q, p))
    torch.testing.assert_close(
        js_divergence(p, q), js_divergence(p + 7, q - 100))


@pytest.mark.parametrize('scale', [0., 1., 1e4])
def test_zero_for_equal_distributions(scale):
    p = logits(scale=scale, dtype=torch.float32)
    assert torch.equal(js_divergence(p, p.clone(), 'none'), torch.zeros(32))


@pytest.mark.parametrize('scale', [.01, 1., 10., 1e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_bounds(scale, dtype):
    p = logits(512, scale=scale, dtype=dtype)
    q = logits(512, scale=scale, dtype=dtype, seed=1)
    each = js_divergence(p, q, 'none')
    assert each.min() >= 0 and each.max() <= torch.tensor(LN2, dtype=dtype)


def extreme_pairs():
    eye = torch.eye(5)
    return {
        'disjoint': (1e4 * eye, 1e4 * eye.roll(1, 0)),
        'one-hot against uniform': (1e4 * eye, torch.zeros(5, 5)),
        'negative one-hot': (-1e4 * eye, 1e4 * eye),
        'spread': (1e4 * logits(5, 5, 1., dtype=torch.float32),
                   -1e4 * logits(5, 5, 1., 1, dtype=torch.float32)),
        'minus infinity': (eye.log(), eye.roll(1, 0).log()),
        'shared minus infinity': (eye.log(), eye.log()),
        'infinite against soft': (eye.log(), torch.zeros(5, 5)),
        'huge': (1e30 * eye, -1e30 * eye),
    }


@pytest.mark.parametrize('name', extreme_pairs())
def test_extreme_logits_have_finite_value_and_gradients(name):
    p, q = (value.requires_grad_() for value in extreme_pairs()[name])
    each = js_divergence(p, q, 'none')
    expected = jensenshannon(
        p.detach().double().softmax(1), q.detach().double().softmax(1),
        axis=1)**2
    np.testing.assert_allclose(each.detach(), expected, atol=1e-6)
    each.sum().backward()
    assert p.grad.isfinite().all() and q.grad.isfinite().all()


def test_one_hot_opposites_reach_the_bound():
    eye = 1e4 * torch.eye(5)
    value = js_divergence(eye, eye.roll(1, 0)).item()
    assert value == pytest.approx(LN2, abs=1e-7)


def test_gradient_of_value_and_of_extremes():
    p, q = logits(4, 3).requires_grad_(), logits(4, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(js_divergence, (p, q))


def test_gradient_pulls_a_wrong_prediction_back():
    # d JS / d logits_q at q = uniform, p = one-hot on class 0 is, by hand,
    # q_c / 2 * (log(q_c / m_c) + KL(q || m) * -1) with m = (p + q) / 2.
    p = torch.tensor([[1e4, 0., 0., 0.]], dtype=torch.float64)
    q = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    js_divergence(p, q).backward()
    q_, m = np.full(4, .25), np.array([.625, .125, .125, .125])
    log = np.log(q_ / m)
    expected = q_ / 2 * (log - (q_ * log).sum())
    np.testing.assert_allclose(q.grad[0], expected, rtol=1e-9)


def test_a_detached_reference_gets_no_gradient():
    p, q = logits().requires_grad_(), logits(seed=1).requires_grad_()
    js_divergence(p.detach(), q).backward()
    assert p.grad is None and q.grad.abs().max() > 0


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_lifted(dtype):
    p = logits(dtype=torch.float32).to(dtype)
    q = logits(dtype=torch.float32, seed=1).to(dtype)
    result = js_divergence(p, q)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, js_divergence(p.float(), q.float()))
    assert js_divergence(60000 * torch.eye(3).half(), -p[:3, :3]).isfinite()


def test_nan_is_not_hidden():
    p = torch.full((2, 3), math.nan)
    assert js_divergence(p, torch.zeros(2, 3)).isnan()
    assert predictive_entropy(p).isnan().all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r'\(4, 3\) and \(4, 2\)'):
        js_divergence(torch.zeros(4, 3), torch.zeros(4, 2))


@pytest.mark.parametrize('scale', [0., 1., 20.])
def test_entropy_equals_scipy(scale):
    z = logits(scale=scale)
    np.testing.assert_allclose(
        predictive_entropy(z), entropy(z.softmax(1), axis=1), rtol=1e-10,
        atol=1e-14)


def test_entropy_bounds():
    uniform = predictive_entropy(torch.zeros(2, 10))
    assert uniform.tolist() == pytest.approx([math.log(10)] * 2)
    assert predictive_entropy(1e4 * torch.eye(4)).tolist() == [0.] * 4


def test_entropy_of_probabilities():
    p = torch.tensor([[.5, .5, 0.], [1., 0., 0.]], dtype=torch.float64)
    assert predictive_entropy(p.log()).tolist() == pytest.approx([LN2, 0.])


def test_entropy_gradient_is_finite_for_one_hot():
    z = (1e4 * torch.eye(4)).requires_grad_()
    predictive_entropy(z).sum().backward()
    assert z.grad.isfinite().all()
