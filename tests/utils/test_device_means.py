import math

import pytest
import torch

from mmbalance_plugin.utils.device_means import DeviceMeans


def feed(average, *pairs):
    for a, b in pairs:
        average.update(a=torch.tensor(a), b=torch.tensor(b))


def test_means_and_a_new_start():
    average = DeviceMeans('a', 'b', finite_only=True)
    feed(average, (1., 10.), (2., 20.), (6., 60.))
    means, count = average.pop()
    assert means == pytest.approx(dict(a=3., b=30.)) and count == 3
    assert average.pop() == ({}, 0)
    feed(average, (5., 5.))
    assert average.pop() == (dict(a=5., b=5.), 1)


def test_steps_that_are_not_finite_are_left_out():
    average = DeviceMeans('a', 'b', finite_only=True)
    feed(average, (1., 1.), (math.nan, 1.), (1., math.inf), (3., 5.))
    assert average.pop() == (dict(a=2., b=3.), 2)


def test_otherwise_they_show():
    average = DeviceMeans('a', 'b')
    feed(average, (math.nan, 1.), (1., 3.))
    means, count = average.pop()
    assert math.isnan(means['a']) and means['b'] == 2 and count == 2


def test_sums_travel_with_the_state():
    one, other = DeviceMeans('a', 'b', finite_only=True), DeviceMeans('a', 'b')
    feed(one, (1., 2.))
    other.load_state_dict(one.state_dict())
    feed(other, (3., 4.))
    assert other.pop() == (dict(a=2., b=3.), 2)


def test_no_graph_is_kept():
    average = DeviceMeans('a')
    average.update(a=torch.tensor(1., requires_grad=True) * 2)
    assert not average.sums.requires_grad
