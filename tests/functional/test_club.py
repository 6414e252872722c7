import math
import sys

import pytest
import torch

from mmbalance_plugin.functional import (
    club_log_likelihood,
    club_log_likelihood_gradients,
    club_sampled,
    club_upper_bound,
    standardize,
)

DIM = 20
# rho at which d = 20 pairs have a mutual information of 2, 4, ... nats.
RHO = {2: .425757, 4: .574178, 6: .671706, 8: .742072, 10: .795060}


def draws(n=24, d=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    mu, logvar, y = torch.randn(3, n, d, generator=generator, dtype=dtype)
    return mu, logvar.tanh(), y


def naive_bound(mu, logvar, y):
    """The definition, pair by pair."""
    n, d = y.shape
    total = 0.
    for i in range(n):
        for k in range(d):
            v = 2 * math.exp(logvar[i, k])
            positive = -(mu[i, k] - y[i, k])**2 / v
            negative = sum((y[j, k] - mu[i, k])**2 / v for j in range(n)) / n
            total += positive + negative
    return total / n


def gaussian_pairs(rho, n=8192, d=DIM, seed=0):
    """x, y with correlation rho in each dimension, and the exact Q(y|x)."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, n, d, generator=generator)
    y = rho * x + math.sqrt(1 - rho**2) * noise
    return rho * x, torch.full_like(x, math.log(1 - rho**2)), y


# ---- the algebra -------------------------------------------------------
@pytest.mark.parametrize('n, d', [(1, 3), (2, 1), (24, 5), (7, 16)])
def test_equals_the_double_loop(n, d):
    mu, logvar, y = draws(n, d)
    expected = naive_bound(mu, logvar, y)
    assert club_upper_bound(mu, logvar, y).item() == pytest.approx(
        float(expected), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize('shift', [0., 10., 30.])
def test_equals_the_double_loop_in_single_precision(shift):
    # Far from zero the definition itself loses its digits, so it is
    # evaluated in double precision on the very same numbers.
    mu, logvar, y = draws(dtype=torch.float32)
    mu, y = mu + shift, y + shift
    expected = naive_bound(mu.double(), logvar.double(), y.double())
    assert club_upper_bound(mu, logvar, y).item() == pytest.approx(
        float(expected), rel=1e-5)


def test_gradients_equal_those_of_the_pairs():
    given = [t.requires_grad_() for t in draws(9, 4)]

    def pairs(mu, logvar, y):
        v = 2 * logvar.exp()
        positive = -(mu - y)**2 / v
        negative = ((y[None] - mu[:, None])**2).mean(1) / v
        return (positive + negative).sum(1).mean()

    fast = torch.autograd.grad(club_upper_bound(*given), given)
    slow = torch.autograd.grad(pairs(*given), given)
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-12)


def test_gradcheck():
    given = [t.requires_grad_() for t in draws(4, 3)]
    assert torch.autograd.gradcheck(club_upper_bound, given)
    assert torch.autograd.gradcheck(club_log_likelihood, given)


def test_order_of_samples_does_not_matter():
    mu, logvar, y = draws()
    order = torch.randperm(24, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        club_upper_bound(mu, logvar, y),
        club_upper_bound(mu[order], logvar[order], y[order]))


# ---- what it converges to ----------------------------------------------
@pytest.mark.parametrize('mi, rho', RHO.items())
def test_closed_form_of_correlated_gaussians(mi, rho):
    assert -DIM / 2 * math.log(1 - rho**2) == pytest.approx(mi, abs=1e-4)
    estimate = club_upper_bound(*gaussian_pairs(rho)).item()
    assert estimate == pytest.approx(
        DIM * rho**2 / (1 - rho**2), rel=.05)
    assert estimate >= mi


def test_monotone_in_the_correlation():
    estimates = [
        club_upper_bound(*gaussian_pairs(rho)).item()
        for rho in (0., .2, *RHO.values(), .9, .95)
    ]
    assert estimates == sorted(estimates)
    assert len(set(estimates)) == len(estimates)


def test_about_zero_on_independent_data():
    # A Q that believes in a dependence, on data that has none.
    mu, logvar, _ = gaussian_pairs(.7)
    y = torch.randn(8192, DIM, generator=torch.Generator().manual_seed(5))
    # Q's spread of 20 * .7 / (1 - .7^2) over sqrt(8192) is the noise.
    assert abs(club_upper_bound(mu, logvar, y).item()) < .4
    # And the Q that knows: exactly zero, as mu and v do not depend on x.
    mu, logvar, y = gaussian_pairs(0.)
    assert club_upper_bound(mu, logvar, y).item() == pytest.approx(
        0., abs=1e-4)


def test_a_wrong_q_is_negative():
    mu, logvar, y = gaussian_pairs(.7)
    assert club_upper_bound(-mu, logvar, y).item() < -5


# ---- sampled -----------------------------------------------------------
def test_sampled_is_the_definition_with_one_permutation():
    mu, logvar, y = draws()
    order = torch.randperm(24, generator=torch.Generator().manual_seed(3))
    v = 2 * logvar.exp()
    expected = (((y[order] - mu)**2 - (y - mu)**2) / v).sum(1).mean()
    generator = torch.Generator().manual_seed(3)
    torch.testing.assert_close(
        club_sampled(mu, logvar, y, generator), expected)
    # The generator moved on.
    assert club_sampled(mu, logvar, y, generator) != expected


def test_sampled_leaves_the_global_stream_alone_if_given_another():
    state = torch.get_rng_state()
    club_sampled(*draws(), torch.Generator().manual_seed(3))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(0)
    one = club_sampled(*draws())
    torch.manual_seed(0)
    assert torch.equal(club_sampled(*draws()), one)


def test_sampled_averages_to_the_exact_bound():
    mu, logvar, y = draws(16, 3)
    generator = torch.Generator().manual_seed(0)
    mean = sum(club_sampled(mu, logvar, y, generator)
               for _ in range(4000)) / 4000
    assert mean.item() == pytest.approx(
        club_upper_bound(mu, logvar, y).item(), abs=.03)


def test_sampled_closed_form():
    estimate = club_sampled(
        *gaussian_pairs(RHO[6]), torch.Generator().manual_seed(0)).item()
    assert estimate == pytest.approx(16.442, rel=.05)


# ---- likelihood --------------------------------------------------------
def test_likelihood_is_the_gaussian_one():
    mu, logvar, y = draws()
    normal = torch.distributions.Normal(mu, (logvar / 2).exp())
    expected = normal.log_prob(y).sum(1).mean()
    ours = club_log_likelihood(mu, logvar, y)
    torch.testing.assert_close(
        ours / 2 - 5 / 2 * math.log(2 * math.pi), expected)


def test_likelihood_peaks_at_the_true_parameters():
    mu, logvar, y = gaussian_pairs(.7)
    best = club_log_likelihood(mu, logvar, y)
    for other in ((mu + .1, logvar, y), (.8 * mu, logvar, y),
                  (mu, logvar + .2, y), (mu, logvar - .2, y)):
        assert club_log_likelihood(*other) < best


# ---- scale, precision, errors, memory ----------------------------------
def test_standardised_bound_ignores_shift_and_scale():
    mu, logvar, y = gaussian_pairs(.7, n=256)
    one = club_upper_bound(mu, logvar, standardize(y))
    other = club_upper_bound(mu, logvar, standardize(50 * y - 300))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=0)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_lifted(dtype):
    given = [t.to(dtype) for t in draws()]
    lifted = [t.float() for t in given]
    for function in (club_upper_bound, club_log_likelihood):
        result = function(*given)
        assert result.dtype == torch.float32
        assert torch.equal(result, function(*lifted))


def test_errors_show_the_shapes():
    mu, logvar, y = draws()
    with pytest.raises(ValueError, match=r'\(24, 5\), \(24, 5\), \(23, 5\)'):
        club_upper_bound(mu, logvar, y[1:])
    with pytest.raises(ValueError, match='N >= 1'):
        club_sampled(mu[:0], logvar[:0], y[:0])
    with pytest.raises(ValueError, match='N, D'):
        club_log_likelihood(mu[0], logvar[0], y[0])


MEMORY = """
import resource
import torch
from mmbalance_plugin.functional import club_upper_bound
torch.set_num_threads(1)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def step(n, d):
    mu, logvar, y = (torch.zeros(n, d).uniform_(-1, 1).requires_grad_()
                     for _ in range(3))
    before = peak()
    club_upper_bound(mu, logvar, y).backward()
    assert y.grad is not None
    return peak() - before

step(64, 512)
print(step(8192, 512))
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='ru_maxrss is in KiB')
def test_memory_is_linear_in_the_batch(run_python):
    done = run_python('-c', MEMORY)
    assert done.returncode == 0, done.stderr
    used = int(done.stdout) * 1024
    n, d = 8192, 512
    # Forward, saved tensors and three gradients: a few (N, D) tensors.
    assert used < 15 * n * d * 4
    # Less than one (N, N) matrix, and 600 times less than (N, N, D).
    assert used < n * n * 4 < n * n * d * 4 / 500


def test_gradients_of_the_log_likelihood():
    mu, logvar, y = draws()
    inputs = mu.requires_grad_(), logvar.requires_grad_()
    expected = torch.autograd.grad(club_log_likelihood(*inputs, y), inputs)
    torch.testing.assert_close(
        club_log_likelihood_gradients(mu, logvar, y), expected)
