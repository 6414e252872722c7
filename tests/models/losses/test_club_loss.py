"""CLUBLoss: its value, its fit, its gradient, and that all stay finite."""
import copy
import math

import pytest
import torch

from mmbalance_plugin.functional import (
    club_log_likelihood,
    club_upper_bound,
    standardize,
)
from mmbalance_plugin.models.losses import CLUBLoss, GaussianEstimator
from mmbalance_plugin.registry import MODELS
from tests.models.losses.club_utils import (
    NAIVE,
    pairs,
    same_weights,
    set_q,
    weights,
)


# ---- the value ---------------------------------------------------------
def test_default_is_the_standardised_mean_over_all_pairs():
    loss = MODELS.build(
        dict(type='mmbalance_plugin.CLUBLoss', x_channels=4, y_channels=4,
             seed=0))
    x, y = pairs()
    loss(x, y)
    value = loss(x, y, update_estimator=False)
    with torch.no_grad():
        mu, logvar = loss.estimator(standardize(x))
        expected = club_upper_bound(mu, logvar, standardize(y)) / 4
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(loss.last['estimate'], expected)


def test_naive_form():
    loss = CLUBLoss(4, 4, seed=0, **NAIVE)
    x, y = pairs()
    before = weights(loss)
    value = loss(x, y)
    assert not same_weights(before, weights(loss)) and loss.fit_steps == 1
    # Some permutation, raw features, summed over them: of all pairs' range.
    with torch.no_grad():
        mu, logvar = loss.estimator(x)
        each = ((y[None] - mu[:, None])**2 / (2 * logvar.exp()[:, None])).sum(
            -1)
    own = each.diagonal()
    assert (each.min(1).values - own).mean() <= value
    assert value <= (each.max(1).values - own).mean()
    other = loss(x, y, update_estimator=False)
    assert value != other  # another permutation, another estimate


@pytest.mark.parametrize('rho', [.425757, .574178, .671706])
def test_closed_form_with_a_hand_set_q(rho):
    # The variance of Q cannot leave [1/e, e]: the larger rho of the table
    # are out of this network's reach, see tests/functional/test_club.py.
    loss = CLUBLoss(
        20, 20, standardize=False, reduction='sum', hidden_channels=40)
    set_q(loss, rho, math.log(1 - rho**2))
    x, y = pairs(rho, n=8192, d=20)
    value = loss(x, y, update_estimator=False).item()
    assert value == pytest.approx(20 * rho**2 / (1 - rho**2), rel=.05)
    mean = CLUBLoss(20, 20, hidden_channels=40, loss_weight=3.)
    set_q(mean, rho, math.log(1 - rho**2))
    # Standardised data of unit variance are what they were.
    assert mean(x, y, update_estimator=False).item() == pytest.approx(
        3 * value / 20, rel=.02)


def test_a_fitted_q_bounds_the_mutual_information_and_ranks_it():
    estimates = []
    for rho in (0., .4, .7):
        loss = CLUBLoss(
            4, 4, seed=0, reduction='sum', optimizer=dict(
                type='Adam', lr=1e-2))
        for step in range(80):
            loss(*pairs(rho, n=256, seed=step))
        loss(*pairs(rho, n=8192, seed=999), update_estimator=False)
        estimates.append(loss.last['estimate'].item())
        mi = -4 / 2 * math.log(1 - rho**2)
        assert estimates[-1] >= mi - .05
        assert estimates[-1] == pytest.approx(
            4 * rho**2 / (1 - rho**2), rel=.15, abs=.05)
    assert estimates == sorted(estimates)


def test_scale_and_shift_of_the_features_do_not_matter():
    x, y = pairs()
    one, other = CLUBLoss(4, 4, seed=0), CLUBLoss(4, 4, seed=0)
    for _ in range(3):
        a, b = one(x, y), other(100 * x - 7, 20 * y + 300)
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


# ---- Q -----------------------------------------------------------------
def plain_q(x_channels, y_channels, hidden, hidden_layers=1):
    """Mean and log-variance as two networks of torch's own layers."""
    widths = [x_channels, *[hidden] * hidden_layers, y_channels]
    return [
        torch.nn.Sequential(*[
            layer for pair in zip(widths, widths[1:])
            for layer in (torch.nn.Linear(*pair), torch.nn.ReLU())
        ][:-1]) for _ in range(2)
    ]


def flat(networks):
    """Their parameters in the order of the estimator's weights."""
    return torch.cat([
        getattr(part, name).flatten() for parts in zip(*networks)
        if isinstance(parts[0], torch.nn.Linear)
        for name in ('weight', 'bias') for part in parts
    ])


@pytest.mark.parametrize('layers', [0, 1, 3])
def test_q_is_two_plain_networks(layers):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = plain_q(5, 3, 7, layers)
        torch.manual_seed(0)
        # Whose first step keeps the gradient.
        optimizer = dict(type='SGD', lr=1., momentum=.9)
        q = GaussianEstimator(5, 3, 7, optimizer, layers)
    x, y = torch.linspace(-1, 1, 40).view(8, 5), torch.ones(8, 3)
    mean, logvar = networks[0](x), networks[1](x).tanh()
    torch.testing.assert_close(q(x), (mean, logvar))
    likelihood = club_log_likelihood(mean, logvar, y)
    likelihood.backward()
    for network in networks:
        for parameter in network.parameters():
            parameter.data = parameter.grad
    q.fit(x, y, 1, .5)
    (state, ), = (s.values() for s in q.get_extra_state()['state'].values())
    torch.testing.assert_close(state, -.5 * flat(networks))


# ---- the fit -----------------------------------------------------------
@pytest.mark.parametrize('options, optimizer', [
    (dict(), dict(type='Adam', lr=1e-3)),
    (dict(steps=3, optimizer=dict(type='SGD', lr=.1, momentum=.9)),
     dict(type='SGD', lr=.1, momentum=.9)),
])
def test_fit_equals_a_plain_loop(options, optimizer):
    loss = CLUBLoss(4, 4, seed=0, **options)
    networks = plain_q(4, 4, 64)
    with torch.no_grad():
        for layer, index in ((0, 0), (2, 2)):
            for i, network in enumerate(networks):
                weight, bias = loss.estimator.layers()[index:index + 2]
                network[layer].weight.copy_(weight[i])
                network[layer].bias.copy_(bias[i])
    kind = dict(optimizer)
    inner = getattr(torch.optim, kind.pop('type'))(
        [p for network in networks for p in network.parameters()], **kind)
    for call in range(3):
        x, y = pairs(seed=call)
        loss(x, y)
        x, y = standardize(x), standardize(y)
        for _ in range(options.get('steps', 5)):
            mu, logvar = networks[0](x), networks[1](x).tanh()
            density = torch.distributions.Normal(mu, (logvar / 2).exp())
            inner.zero_grad()
            (-2 * density.log_prob(y).mean()).backward()
            inner.step()
    torch.testing.assert_close(
        loss.estimator.weights.detach(), flat(networks).detach(), rtol=1e-4,
        atol=1e-5)
    assert loss.fit_steps == 3 * options.get('steps', 5)
    assert loss.pop_fit_steps() and loss.fit_steps == 0


def test_fitting_raises_the_likelihood():
    loss = CLUBLoss(4, 4, seed=0, optimizer=dict(type='Adam', lr=1e-2))
    x, y = pairs(n=4096)
    likelihoods = []
    for _ in range(40):
        loss(x, y)
        likelihoods.append(loss.last['log_likelihood'].item())
    assert likelihoods[-1] > likelihoods[0] + .3
    # Per standardised feature the best there is: -1 - log(1 - rho^2).
    assert likelihoods[-1] == pytest.approx(
        -1 - math.log(1 - .8**2), abs=.06)


def test_only_evaluating_leaves_no_trace():
    loss = CLUBLoss(4, 4, seed=0, variant='sampled')
    loss(*pairs())
    before = copy.deepcopy(loss.state_dict())
    one = loss(*pairs(seed=1), update_estimator=False)
    assert torch.equal(loss(*pairs(seed=1), update_estimator=False), one)
    after = loss.state_dict()
    assert str(before) == str(after) and same_weights(
        {k: v for k, v in before.items() if torch.is_tensor(v)}, after)
    loss.eval()
    assert torch.equal(loss(*pairs(seed=1)), one)
    loss.train()
    loss(*pairs(seed=1))
    assert loss.fit_steps == 10


def test_fits_without_grad_mode_too():
    loss = CLUBLoss(4, 4, seed=0)
    before = weights(loss)
    with torch.no_grad():
        value = loss(*pairs())
    assert not value.requires_grad
    assert not same_weights(before, weights(loss))


# ---- the gradient ------------------------------------------------------
@pytest.mark.parametrize('scale', [1., 1e-3])
def test_gradient_reaches_the_features_and_not_q(scale):
    # Small features tell the moments from those of perfectly standard ones.
    loss = CLUBLoss(4, 4, seed=0, steps=20)
    x, y = (scale * t for t in pairs())
    x, y = x.requires_grad_(), y.requires_grad_()
    loss(x, y).backward()
    assert all(p.grad is None and not p.requires_grad
               for p in loss.parameters())
    mu, logvar = loss.estimator(standardize(x))
    manual = club_upper_bound(mu, logvar, standardize(y)) / 4
    expected = torch.autograd.grad(manual, (x, y))
    torch.testing.assert_close((x.grad, y.grad), expected)
    assert x.grad.abs().max() > 0


def test_a_detached_condition_gets_no_gradient():
    loss = CLUBLoss(4, 4, seed=0, steps=20)
    x, y = (t.requires_grad_() for t in pairs())
    loss(x.detach(), y).backward()
    assert x.grad is None and y.grad.abs().max() > 0


@pytest.mark.parametrize('variant', ['exact', 'sampled'])
@pytest.mark.parametrize('standardized', [True, False])
def test_gradcheck(variant, standardized):
    loss = CLUBLoss(
        3, 2, variant=variant, standardize=standardized, clamp=False,
        seed=0).double()
    x, y = pairs(n=6, d=3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda a, b: loss(a, b, update_estimator=False),
        (x.requires_grad_(), y[:, :2].clone().requires_grad_()))


def test_no_gradient_while_the_estimate_is_not_positive():
    x, y = pairs()
    y.requires_grad_()
    loss = CLUBLoss(4, 4, hidden_channels=8)
    set_q(loss, -.8)
    value = loss(x, y, update_estimator=False)
    value.backward()
    assert loss.last['estimate'].item() < -.5
    assert value.item() == 0. and not y.grad.any()
    loss.clamp = False
    value = loss(x, y, update_estimator=False)
    value.backward()
    assert value.item() < -.5 and y.grad.any()


def test_no_gradient_at_exactly_zero():
    loss = CLUBLoss(1, 1, hidden_channels=2, standardize=False)
    set_q(loss, 1.)
    # With mu = x and v = 1 the bound is the covariance of x and y.
    x = torch.tensor([[1.], [-1.], [1.], [-1.]])
    y = torch.tensor([[1.], [1.], [-1.], [-1.]], requires_grad=True)
    loss(x, y, update_estimator=False).backward()
    assert loss.last['estimate'].item() == 0.
    assert not y.grad.any()
    y.grad, loss.clamp = None, False
    loss(x, y, update_estimator=False).backward()
    torch.testing.assert_close(y.grad, x / 4)


# ---- staying finite ----------------------------------------------------
def train_encoder(options, steps, lr=.1):
    """A plain encoder against CLUB and a classifier, on 512-d features."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        anchor = torch.nn.Sequential(
            torch.nn.Linear(20, 64), torch.nn.ReLU(),
            torch.nn.Linear(64, 512)).requires_grad_(False)
        encoder = torch.nn.Sequential(
            torch.nn.Linear(30, 64), torch.nn.ReLU(),
            torch.nn.Linear(64, 512))
        head = torch.nn.Linear(512, 10)
        centres = torch.randn(10, 50)
        loss = CLUBLoss(512, 512, seed=0, **options)
        optimizer = torch.optim.SGD(
            [*encoder.parameters(), *head.parameters()], lr, momentum=.9)
        for step in range(steps):
            labels = torch.randint(10, (64, ))
            inputs = centres[labels] + torch.randn(64, 50)
            features = encoder(inputs[:, 20:])
            objective = loss(anchor(inputs[:, :20]), features)
            objective = objective + torch.nn.functional.cross_entropy(
                head(features), labels)
            if not objective.isfinite():
                return step, features, loss
            optimizer.zero_grad()
            objective.backward()
            optimizer.step()
        return steps, features.detach(), loss


def test_raw_512_d_features_stay_finite():
    steps, features, loss = train_encoder(dict(), 150)
    assert steps == 150
    assert features.isfinite().all() and features.std() < 5
    means = loss.end_epoch()
    assert 0 < means['estimate'] < 5 and means['log_likelihood'] < 1
    assert all(p.isfinite().all() for p in loss.parameters())


def test_the_naive_form_does_not():
    # Why the defaults are what they are.
    steps, _, _ = train_encoder(NAIVE, 150)
    assert steps < 150


@pytest.mark.parametrize('variant', ['exact', 'sampled'])
def test_degenerate_batches_are_finite(variant):
    for n, x, y in ((1, 1., 2.), (8, 0., 0.), (8, 1e6, -1e6)):
        loss = CLUBLoss(4, 4, seed=0, variant=variant)
        y = torch.full((n, 4), y, requires_grad=True)
        value = loss(torch.full((n, 4), x), y)
        value.backward()
        assert value.isfinite() and y.grad.isfinite().all()
        assert all(p.isfinite().all() for p in loss.parameters())


def test_features_that_overflowed_do_not_poison_q():
    loss = CLUBLoss(4, 4, seed=0)
    x, y = pairs()
    loss(x, y)
    bad = y.clone()
    bad[3, 2] = math.inf
    assert not loss(x, bad).isfinite()
    assert all(p.isfinite().all() for p in loss.parameters())
    for value in loss.estimator.get_extra_state()['state'].values():
        assert all(t.isfinite().all() for t in value.values())
    assert loss(x, y).isfinite()
    means = loss.end_epoch()
    assert all(math.isfinite(value) for value in means.values())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_runs_in_float32_under_autocast(dtype):
    x, y = (t.to(dtype) for t in pairs())
    plain, mixed = CLUBLoss(4, 4, seed=0), CLUBLoss(4, 4, seed=0)
    expected = plain(x.float(), y.float())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        y.requires_grad_()
        value = mixed(x, y)
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)
    assert same_weights(weights(plain), weights(mixed))
    value.backward()
    assert y.grad.dtype == dtype
