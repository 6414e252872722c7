import copy
import io
import math
from contextlib import nullcontext

import pytest
import torch

from mmbalance_plugin.functional import club_upper_bound, standardize
from mmbalance_plugin.models.losses import CLUBLoss, club_loss
from mmbalance_plugin.registry import MODELS

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
    for parameter in loss.estimator.parameters():
        parameter.zero_()
    first, last = loss.estimator.mu[0], loss.estimator.mu[2]
    first.weight[:d], first.weight[d:2 * d] = torch.eye(d), -torch.eye(d)
    last.weight[:, :d] = slope * torch.eye(d)
    last.weight[:, d:2 * d] = -slope * torch.eye(d)
    loss.estimator.logvar[2].bias.fill_(math.atanh(logvar))


# ---- the value ---------------------------------------------------------
def test_default_is_the_standardised_mean_over_all_pairs():
    loss = MODELS.build(
        dict(type='mmbalance_plugin.CLUBLoss', x_channels=4, y_channels=4))
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


# ---- the fit -----------------------------------------------------------
@pytest.mark.parametrize('options, optimizer', [
    (dict(), dict(type='Adam', lr=1e-3)),
    (dict(steps=3, optimizer=dict(type='SGD', lr=.1, momentum=.9)),
     dict(type='SGD', lr=.1, momentum=.9)),
])
def test_fit_equals_a_plain_loop(options, optimizer):
    loss = CLUBLoss(4, 4, seed=0, **options)
    twin = copy.deepcopy(loss.estimator).requires_grad_(True)
    kind = dict(optimizer)
    inner = getattr(torch.optim, kind.pop('type'))(twin.parameters(), **kind)
    for call in range(3):
        x, y = pairs(seed=call)
        loss(x, y)
        x, y = standardize(x), standardize(y)
        for _ in range(options.get('steps', 5)):
            mu, logvar = twin(x)
            density = torch.distributions.Normal(mu, (logvar / 2).exp())
            inner.zero_grad()
            (-2 * density.log_prob(y).mean()).backward()
            inner.step()
    for ours, theirs in zip(loss.estimator.parameters(), twin.parameters()):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
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


# ---- what is logged ----------------------------------------------------
@pytest.fixture
def logged(monkeypatch):
    lines = []
    monkeypatch.setattr(club_loss, 'print_log',
                        lambda text, **kwargs: lines.append((text, kwargs)))
    return lines


def test_epoch_report(logged):
    loss = CLUBLoss(4, 4, seed=0, loss_weight=7.)
    seen = []
    for step in range(4):
        loss(*pairs(seed=step))
        seen.append({k: v.item() for k, v in loss.last.items()})
    loss(*pairs(seed=9), update_estimator=False)  # does not count
    means = loss.end_epoch()
    for key in ('estimate', 'log_likelihood'):
        assert means[key] == pytest.approx(sum(s[key] for s in seen) / 4)
    share = sum(s['estimate'] <= 0 for s in seen) / 4
    assert means['not_positive'] == share
    assert all(type(value) is float for value in means.values())
    assert loss.end_epoch() == {}


def test_warns_when_the_estimate_stays_negative(logged):
    loss = CLUBLoss(4, 4, hidden_channels=8, steps=0)
    set_q(loss, -.8)
    for step in range(10):
        loss(*pairs(seed=step))
    assert not logged, 'a step must not wait for the device'
    means = loss.end_epoch()
    assert means['not_positive'] == 1. and means['estimate'] < -.5
    (text, kwargs), = logged
    assert 'steps' in text and '100 % of 10' in text
    assert 'no gradient' in text
    assert kwargs['level'] >= 30


def test_does_not_warn_when_it_is_positive_now_and_then(logged):
    loss = CLUBLoss(4, 4, hidden_channels=8, steps=0)
    for slope, count in ((-.8, 8), (.8, 2)):
        set_q(loss, slope)
        for step in range(count):
            loss(*pairs(seed=step))
    assert loss.end_epoch()['not_positive'] == pytest.approx(.8)
    assert not logged


def test_the_warning_needs_no_runner():
    loss = CLUBLoss(4, 4, hidden_channels=8, steps=0)
    set_q(loss, -.8)
    loss(*pairs())
    assert loss.end_epoch()['not_positive'] == 1.


# ---- streams, resume, devices ------------------------------------------
@pytest.mark.parametrize('variant', ['exact', 'sampled'])
def test_random_numbers_are_its_own(variant):
    state = torch.get_rng_state()
    one = CLUBLoss(4, 4, seed=3, variant=variant)
    first = one(*pairs())
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(11)
    two = CLUBLoss(4, 4, seed=3, variant=variant)
    assert torch.equal(two(*pairs()), first)
    other = CLUBLoss(4, 4, seed=4, variant=variant)
    assert not torch.equal(other(*pairs()), first)


def test_without_a_seed_it_follows_torch():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        one = CLUBLoss(4, 4)
        torch.manual_seed(5)
        torch.rand(3)
        two = CLUBLoss(4, 4)
        torch.manual_seed(6)
        other = CLUBLoss(4, 4)
    assert same_weights(weights(one), weights(two))
    assert not same_weights(weights(one), weights(other))


@pytest.mark.parametrize('options', [
    dict(), dict(variant='sampled'),
    dict(optimizer=dict(type='SGD', lr=.1, momentum=.9))
])
def test_resuming_is_bit_equal(options):
    loss = CLUBLoss(4, 4, seed=0, **options)
    for step in range(3):
        loss(*pairs(seed=step))
    file = io.BytesIO()
    torch.save(loss.state_dict(), file)
    file.seek(0)
    again = CLUBLoss(4, 4, seed=77, **options)
    again.load_state_dict(torch.load(file, weights_only=True))
    for step in range(3, 6):
        assert torch.equal(loss(*pairs(seed=step)), again(*pairs(seed=step)))
    assert same_weights(weights(loss), weights(again))
    assert loss.fit_steps == again.fit_steps == 30
    assert loss.end_epoch() == again.end_epoch()


def test_a_copy_is_independent():
    loss = CLUBLoss(4, 4, seed=0)
    loss(*pairs())
    twin = copy.deepcopy(loss)
    assert torch.equal(twin(*pairs(seed=1)), loss(*pairs(seed=1)))
    before = weights(loss)
    twin(*pairs(seed=2))
    assert same_weights(before, weights(loss))


def test_the_optimiser_moves_along():
    loss = CLUBLoss(4, 4, seed=0)
    loss(*pairs())
    loss.double()
    states = loss.estimator.get_extra_state()['state'].values()
    assert all(s['exp_avg'].dtype == torch.float64 for s in states)
    assert loss(*pairs()).dtype == torch.float64


@pytest.mark.parametrize('options', [dict(), NAIVE])
def test_nothing_is_read_on_the_host(options, monkeypatch):
    # A meta tensor has no value to read, nor does autocast know it.
    monkeypatch.setattr(torch, 'autocast', lambda *a, **k: nullcontext())
    loss = CLUBLoss(4, 4, seed=0, **options).to('meta')
    y = torch.zeros(8, 4, device='meta', requires_grad=True)
    value = loss(torch.zeros(8, 4, device='meta'), y)
    value.backward()
    assert value.is_meta and y.grad.shape == (8, 4)


def test_an_outer_optimiser_leaves_q_alone():
    loss = CLUBLoss(4, 4, seed=0)
    encoder = torch.nn.Linear(4, 4)
    outer = torch.optim.SGD([*encoder.parameters(), *loss.parameters()],
                            lr=1., weight_decay=.1)
    x, y = pairs()
    loss(x, encoder(y)).backward()
    before = weights(loss)
    outer.step()
    assert same_weights(before, weights(loss))


# ---- errors ------------------------------------------------------------
def test_options_are_checked():
    for options, text in ((dict(variant='all'), "'all'"),
                          (dict(reduction='none'), "'none'"),
                          (dict(steps=-1), '-1')):
        with pytest.raises(ValueError, match=text):
            CLUBLoss(4, 4, **options)


def test_features_are_checked():
    loss = CLUBLoss(4, 3)
    x, y = torch.zeros(8, 4), torch.zeros(8, 3)
    with pytest.raises(ValueError, match=r'x .*\(N, 4\).*\(8, 3\)'):
        loss(y, y)
    with pytest.raises(ValueError, match=r'y_channels=3.*\(8, 3, 1\)'):
        loss(x, y[..., None])
    with pytest.raises(ValueError, match='8 and 7'):
        loss(x, y[1:])
    with pytest.raises(ValueError, match='at least one, got 0'):
        loss(x[:0], y[:0])
