import torch

from mmbalance_plugin.functional import standardize


def features(n=40, d=6, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=dtype)


def test_the_variance_is_exact_far_from_zero():
    x = features().float() + 1e4
    slow = x.double() - x.double().mean(0)
    slow = slow / (x.double().var(0, correction=0) + 1e-6).sqrt()
    torch.testing.assert_close(
        standardize(x).double(), slow, rtol=1e-4, atol=2e-3)


def test_result_has_mean_zero_and_variance_one():
    z = standardize(features() * 7 - 2, eps=0.)
    torch.testing.assert_close(z.mean(0), torch.zeros(6).double())
    torch.testing.assert_close(
        z.var(0, correction=0), torch.ones(6).double())


def test_eps_enters_the_variance():
    x = features()
    var = x.var(0, correction=0)
    z = standardize(x, eps=.5)
    torch.testing.assert_close(z.var(0, correction=0), var / (var + .5))


def test_shift_and_scale_do_not_matter():
    x = features()
    for scale, shift in ((.01, 0.), (100., -3e3)):
        torch.testing.assert_close(
            standardize(x * scale + shift), standardize(x), rtol=2e-2,
            atol=1e-2 if scale < 1 else 1e-6)


def test_gradient_has_no_component_along_shift_or_scale():
    x = features().requires_grad_()
    weight = features(seed=1)
    (standardize(x, eps=0.) * weight).sum().backward()
    torch.testing.assert_close(x.grad.sum(0), torch.zeros(6).double())
    torch.testing.assert_close((x.grad * x).sum(0), torch.zeros(6).double())
    assert x.grad.abs().max() > .01


def test_gradient():
    x = features(5, 3).requires_grad_()
    assert torch.autograd.gradcheck(standardize, x)


def test_constant_features_give_zero_and_finite_gradients():
    x = torch.full((8, 3), 1e4, requires_grad=True)
    z = standardize(x)
    assert torch.equal(z, torch.zeros(8, 3))
    (z * features(8, 3, torch.float32)).sum().backward()
    assert x.grad.isfinite().all()


def test_one_sample_is_finite():
    x = torch.randn(1, 4, requires_grad=True)
    z = standardize(x)
    z.sum().backward()
    assert torch.equal(z, torch.zeros(1, 4)) and x.grad.isfinite().all()


def test_half_precision_is_lifted():
    x = features(dtype=torch.float32).half()
    assert standardize(x).dtype == torch.float32
    torch.testing.assert_close(standardize(x), standardize(x.float()))
