import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mmbalance_plugin.functional.gradient_noise import (
    add_noise,
    noise_stds,
    unit_noise,
)


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


@pytest.mark.parametrize('distribution', ['normal', 'uniform', 'rademacher'])
def test_noise_of_the_asked_spread_is_added(distribution):
    before = [torch.full((300, 200), 5.), torch.zeros(7), torch.ones(90, 30)]
    grads = [g.clone() for g in before]
    # As a convolution in channels_last has them.
    grads[2] = grads[2].t().contiguous().t()
    stds = torch.tensor([2., .5, 0.])
    add_noise(grads, stds, distribution, torch.Generator().manual_seed(2))
    noise = [after - g for after, g in zip(grads, before)]
    n = noise[0].numel()
    assert abs(noise[0].mean().item()) < 4 * 2 / math.sqrt(n)
    assert noise[0].std().item() == pytest.approx(2, abs=.03)
    assert 0 < noise[1].abs().max() < 2.5
    assert torch.equal(grads[2], before[2])
    # One tensor's draws are not another's.
    assert not torch.allclose(noise[1] / .5, noise[0].flatten()[:7] / 2)


def test_the_same_generator_adds_the_same():
    found = []
    for _ in range(2):
        grads = [torch.zeros(40, 3), torch.zeros(20)]
        add_noise(grads, torch.ones(2), 'normal',
                  torch.Generator().manual_seed(3))
        found.append(torch.cat([g.flatten() for g in grads]))
    assert torch.equal(*found) and found[0].unique().numel() == 140


def test_shared_draws_take_the_place_of_ones_own():
    seen = []

    def share(draws):
        seen.append(len(draws))
        draws.fill_(3.)

    grads = [torch.zeros(4, 5), torch.ones(3)]
    add_noise(grads, torch.tensor([2., 1.]), share=share)
    assert sum(seen) == 23
    assert (grads[0] == 6).all() and (grads[1] == 4).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_gradients_of_half_precision_stay_so(dtype):
    grad = torch.ones(500, dtype=dtype)
    add_noise([grad], torch.tensor([.5]))
    assert grad.dtype == dtype
    assert grad.float().std().item() == pytest.approx(.5, abs=.1)


class Draws(TorchDispatchMode):
    """Counts calls that draw."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if 'normal_' in str(func):
            self.sizes.append(args[0].numel())
        return func(*args, **(kwargs or {}))


def test_one_draw_for_all_on_an_accelerator():
    grads = [torch.empty(3, 4, device='meta') for _ in range(20)]
    stds = torch.empty(20, device='meta')
    with Draws() as draws:
        add_noise(grads, stds)
    assert draws.sizes == [240]
