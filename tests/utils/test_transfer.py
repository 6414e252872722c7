"""Copies to a card that the host does not wait for."""
from unittest import mock

import pytest
import torch

from mmbalance_plugin.utils.transfer import stack_for, to_device
from tests.pretended_card import CARD, waits_for_the_card


def test_to_the_card_without_waiting():
    with waits_for_the_card() as waits:
        assert to_device(torch.ones(3), CARD).is_meta
    assert waits == []


def test_nothing_to_do():
    tensor = torch.ones(3)
    assert to_device(tensor, 'cpu') is tensor
    there = torch.ones(3, device=CARD)
    assert to_device(there, CARD) is there


def test_back_to_the_host_is_waited_for():
    # Or the numbers would be read before they have come.
    with waits_for_the_card() as waits:
        to_device(torch.ones(3, device=CARD), 'cpu')
    assert waits == ['copied from meta to cpu']


@pytest.mark.parametrize('device, pinned', [('cpu', None), ('cuda', True)])
def test_batches_for_a_card_are_put_together_in_pinned_memory(device, pinned):
    empty, asked = torch.empty, []

    def spy(*args, pin_memory=None, **kwargs):
        asked.append(pin_memory)
        return empty(*args, **kwargs)

    with mock.patch.object(torch, 'empty', spy):
        batch = stack_for(device, [torch.ones(2), torch.zeros(2)])
    assert batch.tolist() == [[1, 1], [0, 0]]
    assert asked == ([] if pinned is None else [True])
