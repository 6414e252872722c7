"""What is a class number, and what only looks like one."""
import numpy as np
import pytest
import torch

from mmbalance_plugin.utils.class_numbers import class_numbers, integers


@pytest.mark.parametrize('labels', [
    3, [0, 3], np.int32(3), np.array([1, 2], np.uint8), torch.tensor(3),
    torch.tensor([[1], [2]])
])
def test_integers_of_any_kind(labels):
    flat = integers(labels, 'labels')
    assert flat.ndim == 1 and flat.dtype.kind in 'iu'
    assert flat.tolist() == torch.as_tensor(labels).flatten().tolist()


@pytest.mark.parametrize('labels, found', [
    (.9, r'number 0 is 0\.9'),
    ([1., 2., 2.5], r'number 2 is 2\.5'),
    (np.array([1., np.nan]), 'number 1 is nan'),
    (torch.tensor([1., 2.]), r'number 0 is 1\.0 \(float32\)'),
    (True, r'is True \(bool\)'),
    (torch.tensor([False]), 'is False'),
    ('1', 'is 1 '),
    (None, 'is None'),
    ([[1, 2], [3]], 'is None'),
])
def test_what_would_be_cut_to_one(labels, found):
    with pytest.raises(ValueError, match=f'labels of x must be.*{found}'):
        integers(labels, 'labels of x')


@pytest.mark.parametrize('labels, count, found', [
    ([0, -1], None, 'number 1 is -1, which is none$'),
    ([0, 4], 4, 'number 1 is 4, which is none of the 4 classes 0 to 3'),
])
def test_numbers_of_no_class(labels, count, found):
    with pytest.raises(ValueError, match=found):
        class_numbers(labels, 'labels', count)
    assert class_numbers([0, 3], 'labels', 4).tolist() == [0, 3]
