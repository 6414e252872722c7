"""Features and estimators for the tests of CLUBLoss."""
import math

import torch

NAIVE = dict(
    variant='sampled',
    reduction='sum',
    standardize=False,
    clamp=False,
    steps=1)


def pairs(rho=.8, n=64, d=4, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, n, d, generator=generator, dtype=dtype)
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def weights(loss):
    return {k: v.clone() for k, v in loss.estimator.named_parameters()}


def same_weights(one, other):
    return all(torch.equal(one[k], other[k]) for k in one)


@torch.no_grad()
def set_q(loss, slope, logvar=0.):
    """Make Q the Gaussian of mean slope * x and constant variance."""
    d = loss.x_channels
    loss.estimator.weights.zero_()
    first, _, last, last_bias = loss.estimator.layers()
    first[0, :d], first[0, d:2 * d] = torch.eye(d), -torch.eye(d)
    last[0, :, :d] = slope * torch.eye(d)
    last[0, :, d:2 * d] = -slope * torch.eye(d)
    last_bias[1] = math.atanh(logvar)
