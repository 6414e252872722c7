import math

import pytest
import torch

from mmbalance_plugin.functional.gradient_noise import noise_stds, unit_noise


@pytest.mark.parametrize('distribution', ['normal', 'uniform', 'rademacher'])
def test_mean_zero_and_variance_one(distribution):
    noise = unit_noise(100_000, distribution, torch.Generator().manual_seed(0))
    assert noise.shape == (100_000, ) and noise.dtype == torch.float32
    assert abs(noise.mean().item()) < 4 / math.sqrt(100_000)
    assert noise.var().item() == pytest.approx(1, abs=.02)


def test_shapes_of_the_distributions():
    generator = torch.Generator().manual_seed(1)
    signs = unit_noise(1000, 'rademacher', generator)
    assert set(signs.tolist()) == {-1., 1.}
    flat = unit_noise(10_000, 'uniform', generator)
    assert flat.abs().max() <= math.sqrt(3)
    # Fourth moments: 3 for the normal, 9 / 5 for the uniform distribution.
    assert flat.pow(4).mean().item() == pytest.approx(1.8, abs=.06)
    bell = unit_noise(100_000, 'normal', generator)
    assert bell.pow(4).mean().item() == pytest.approx(3, abs=.1)


def test_the_same_generator_draws_the_same():
    draws = [
        unit_noise(50, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    assert torch.equal(*draws)


def test_unknown_distribution():
    with pytest.raises(ValueError, match='cauchy'):
        unit_noise(3, 'cauchy')


def test_spread_of_each_tensor():
    grads = [torch.tensor([[1., 3.], [5., 7.]]), torch.zeros(4, 2)]
    stds = noise_stds(grads)
    # Sample variance: (9 + 1 + 1 + 9) / 3.
    assert stds[0].item() == pytest.approx(math.sqrt(20 / 3))
    assert stds[1].item() == pytest.approx(1e-8)


def test_a_single_entry_has_no_spread():
    stds = noise_stds([torch.full((1, 1), 3.), torch.randn(5)])
    assert stds[0].item() == pytest.approx(1e-8) and stds.isfinite().all()


def test_half_precision_gradients_do_not_underflow():
    grad = torch.tensor([1e-6, -1e-6], dtype=torch.float16)
    assert noise_stds([grad])[0].item() == pytest.approx(1.4e-6, rel=.2)
    # 1e-8 is zero in half precision.
    still = torch.zeros(3, dtype=torch.float16)
    assert noise_stds([still])[0].item() == pytest.approx(1e-8)
