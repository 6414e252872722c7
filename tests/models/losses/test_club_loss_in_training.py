"""CLUBLoss in a run: its log, streams, resume, and errors."""
import copy
import io

import pytest
import torch

from mmbalance_plugin.models.losses import CLUBLoss, club_loss
from tests.models.losses.club_utils import (
    NAIVE,
    pairs,
    same_weights,
    set_q,
    weights,
)
from tests.pretended_card import CARD, waits_for_the_card


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


@pytest.mark.parametrize('replace', [False, True])
def test_q_is_trained_wherever_to_puts_its_weights(replace):
    loss, moved = CLUBLoss(4, 4, seed=0), CLUBLoss(4, 4, seed=0)
    old = moved.estimator.weights
    torch.__future__.set_overwrite_module_params_on_conversion(replace)
    try:
        moved.double().float()
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
    assert (moved.estimator.weights is not old) == replace
    before = weights(moved)
    assert torch.equal(moved(*pairs()), loss(*pairs()))
    assert not same_weights(before, weights(moved))
    assert same_weights(weights(loss), weights(moved))


def test_q_is_trained_after_loading_by_assignment():
    loss, other = CLUBLoss(4, 4, seed=0), CLUBLoss(4, 4, seed=1)
    loss(*pairs())
    other.load_state_dict(copy.deepcopy(loss.state_dict()), assign=True)
    assert torch.equal(other(*pairs(seed=1)), loss(*pairs(seed=1)))
    assert same_weights(weights(loss), weights(other))


def test_a_loaded_optimiser_shares_nothing_with_its_source():
    loss, other = CLUBLoss(4, 4, seed=0), CLUBLoss(4, 4, seed=0)
    loss(*pairs())
    other.load_state_dict(loss.state_dict())
    moments = copy.deepcopy(loss.estimator.get_extra_state()['state'])
    other(*pairs(seed=1))
    for key, value in loss.estimator.get_extra_state()['state'][0].items():
        assert torch.equal(value, moments[0][key])


# ---- on a card ---------------------------------------------------------
@pytest.mark.parametrize('options', [dict(), NAIVE])
def test_a_step_does_not_wait(options):
    loss = CLUBLoss(4, 4, seed=0, **options).to(CARD)
    y = torch.zeros(8, 4, device=CARD, requires_grad=True)
    with waits_for_the_card() as waits:
        value = loss(torch.zeros(8, 4, device=CARD), y)
        value.backward()
    assert value.is_meta and y.grad.shape == (8, 4)
    assert waits == []


def test_a_resumed_step_does_not_wait_either():
    with torch.device(CARD):
        loss = CLUBLoss(4, 4, seed=0)
        x, y = torch.zeros(8, 4), torch.zeros(8, 4, requires_grad=True)
    with waits_for_the_card() as waits:
        loss(x, y)
        loss.load_state_dict(on_card(loss.state_dict()))
        waits.clear()
        loss(x, y).backward()
    assert waits == []
    state, = loss.estimator.get_extra_state()['state'].values()
    assert state['step'].device.type == 'cpu' and state['exp_avg'].is_meta


def on_card(value):
    """As ``torch.load(..., map_location)`` gives a state dict."""
    if isinstance(value, torch.Tensor):
        return value.to(CARD)
    if isinstance(value, dict):
        return {key: on_card(item) for key, item in value.items()}
    return value


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
