import enum
import pickle
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

from mmbalance_plugin.compat.plain import to_plain
from tests.pretended_card import CARD, waits_for_the_card

Point = namedtuple('Point', 'x y')


class Level(enum.IntEnum):
    LOW = 1


@pytest.mark.parametrize('value, expected', [
    (np.float64(0.1), 0.1),
    (np.float32(0.5), 0.5),
    (np.int64(3), 3),
    (np.bool_(True), True),
    (np.str_('a'), 'a'),
    (np.array([[1, 2]]), [[1, 2]]),
    (np.array(['a', 'b']), ['a', 'b']),
    (Point(1, np.int8(2)), (1, 2)),
    (range(3), [0, 1, 2]),
    (frozenset([1]), {1}),
    (Level.LOW, 1),
    (Path('a') / 'b', str(Path('a/b'))),
    (defaultdict(list, a=[1]), dict(a=[1])),
    ({np.int64(1): 'x'}, {1: 'x'}),
    (Counter('aab'), Counter('aab')),
    (OrderedDict(b=1, a=np.float32(2)), OrderedDict(b=1, a=2.0)),
    (dict(a=[(np.float64(1), None)]), dict(a=[(1.0, None)])),
])
def test_plain_form(value, expected):
    plain = to_plain(value)
    assert plain == expected
    assert type(plain) is type(expected)
    # Nothing but the standard library is needed to read it back.
    assert b'numpy' not in pickle.dumps(plain)


def test_tensors_are_shared_and_input_is_untouched():
    tensor = torch.ones(2)
    value = dict(a=[tensor, np.float64(1)])
    plain = to_plain(value)
    assert plain['a'][0] is tensor
    assert type(value['a'][1]) is np.float64


def test_unknown_objects_are_reported_with_their_path():
    thing, seen = object(), []
    plain = to_plain(
        dict(a=[0, thing]), '.meta', unknown=lambda *args: seen.append(args))
    assert seen == [('.meta.a[1]', thing)]
    assert plain['a'][1] is thing


def test_keep_and_drop():
    state = dict(step=1, anneal=max)
    assert to_plain(state, drop_callables=True) == dict(step=1)
    point = Point(1, 2)
    assert to_plain([point], keep={Point})[0] is point


def test_tensors_come_to_the_cpu():
    here = torch.ones(2)
    there = torch.zeros(2, device=CARD, requires_grad=True)
    with waits_for_the_card():
        plain = to_plain(dict(a=[here], b=(there, )))
    assert plain['a'][0] is here
    assert plain['b'][0].device.type == 'cpu'
    assert not plain['b'][0].requires_grad
