"""Step counters of resumed optimisers stay where the host reads them."""
import pytest
import torch
from mmengine.optim import OptimWrapper

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from tests.pretended_card import CARD, waits_for_the_card


def on_the_card(**options):
    parameters = [
        torch.nn.Parameter(torch.zeros(3, device=CARD)) for _ in range(2)
    ]
    return torch.optim.Adam(parameters, **options)


def step(optimizer):
    for parameter in optimizer.param_groups[0]['params']:
        parameter.grad = torch.zeros(3, device=CARD)
    optimizer.step()


def mapped_to_the_card(state):
    """As ``torch.load(..., map_location)`` gives an optimiser's state."""
    return dict(state, state={
        key: {name: value.to(CARD) for name, value in entry.items()}
        for key, entry in state['state'].items()
    })


@pytest.fixture
def saved():
    optimizer = on_the_card()
    step(optimizer)
    return mapped_to_the_card(optimizer.state_dict())


def test_still_needed(saved):
    optimizer = on_the_card()
    optimizer.load_state_dict(saved)
    with waits_for_the_card() as waits:
        step(optimizer)
    assert len(waits) == 2, 'torch puts counters back: the shim can go'


def test_a_resumed_step_waits_no_more_than_a_fresh_one(saved):
    wrapper = OptimWrapper(on_the_card())
    with waits_for_the_card() as waits:
        wrapper.load_state_dict(saved)
        waits.clear()
        step(wrapper.optimizer)
    assert waits == []
    for state in wrapper.optimizer.state.values():
        assert state['step'].device.type == 'cpu'
        assert state['exp_avg'].is_meta


@pytest.mark.parametrize('option', ['capturable', 'fused'])
def test_counters_that_belong_on_the_device_stay(saved, option):
    wrapper = OptimWrapper(on_the_card())
    for group in saved['param_groups']:
        group[option] = True
    wrapper.load_state_dict(saved)
    assert all(
        state['step'].is_meta for state in wrapper.optimizer.state.values())


def test_optimisers_without_counters_are_left_alone():
    parameter = torch.nn.Parameter(torch.zeros(1))
    wrapper = OptimWrapper(torch.optim.SGD([parameter], .1, momentum=.9))
    parameter.grad = torch.ones(1)
    wrapper.step()
    wrapper.load_state_dict(wrapper.state_dict())
    assert wrapper.optimizer.state[parameter]['momentum_buffer'].item() == 1
