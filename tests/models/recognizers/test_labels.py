"""Labels of a batch."""
import pytest
import torch
from mmaction.structures import ActionDataSample

from mmbalance_plugin.models.recognizers.labels import stack_labels
from mmbalance_plugin.utils.sample_batch import SampleBatch
from tests.pretended_card import CARD, waits_for_the_card


def sample(label, **meta):
    return ActionDataSample(metainfo=meta).set_gt_label(label)


def test_labels_are_stacked():
    labels = stack_labels([sample(2), sample(0)], 3, torch.device('cpu'))
    assert labels.tolist() == [2, 0] and labels.dtype == torch.int64


def columns(labels):
    return SampleBatch(torch.tensor(labels), dict(sample_idx=[7, 8]))


def test_columns_are_taken_as_they_are():
    samples = columns([2, 0])
    assert stack_labels(samples, 3).tolist() == [2, 0] and samples.untouched
    assert stack_labels(
        SampleBatch(torch.tensor([1], dtype=torch.uint8), {}),
        3).dtype == torch.int64
    samples[0].set_gt_label(1)  # by a hook, say
    assert stack_labels(samples, 3).tolist() == [1, 0]


@pytest.mark.parametrize('labels, found', [
    ([0, 3], r'sample_idx=8 has label 3.*num_classes=3'),
    ([-1, 0], 'sample_idx=7 has label -1'),
    ([.9, 0.], r'sample_idx=7 has label 0\.9 \(torch.float32\)'),
])
def test_columns_that_cannot_be(labels, found):
    with pytest.raises(ValueError, match=found):
        stack_labels(columns(labels), 3)


@pytest.mark.parametrize('samples, message', [
    (None, 'data_samples'),
    ([], 'data_samples'),
    ([sample(0), ActionDataSample()], 'sample 1 of the batch has no gt_label'),
    ([sample(0), sample([0, 1], sample_idx=7)],
     r'sample_idx=7 has a gt_label of shape \(2,\)'),
    ([sample(0), sample(3, sample_idx=8)],
     'sample_idx=8 has label 3.*num_classes=3'),
    ([sample(-1)], 'sample 0 of the batch has label -1'),
])
def test_labels_that_cannot_be(samples, message):
    with pytest.raises(ValueError, match=message):
        stack_labels(samples, 3)


def test_the_host_does_not_wait_for_them():
    with waits_for_the_card() as waits:
        labels = stack_labels([sample(2), sample(0)], 3, torch.device(CARD))
    assert labels.is_meta and waits == []


@pytest.mark.parametrize('label, found', [
    (torch.tensor([.9]), r'label 0\.9 \(torch.float32\)'),
    (torch.tensor([1.]), 'label 1 '),
    (torch.tensor([True]), r'label 1 \(torch.bool\)'),
    (torch.tensor([float('nan')]), 'label nan'),
])
def test_labels_that_would_be_cut(label, found):
    with pytest.raises(ValueError, match=f'sample_idx=7 has {found}'):
        stack_labels([sample(0), sample(label, sample_idx=7)], 3)


def several(*rows, **kwargs):
    return stack_labels([sample(row, sample_idx=7 + i) for i, row in
                         enumerate(rows)], 3, multi_class=True, **kwargs)


def test_several_labels():
    found = several(torch.tensor([1., 0., 1.]), [0, 0, 0])
    assert found.tolist() == [[1, 0, 1], [0, 0, 0]]
    assert found.dtype == torch.float32
    columns = SampleBatch(torch.tensor([[1, 0, 1]]), dict(sample_idx=[7]))
    assert stack_labels(columns, 3, multi_class=True).tolist() == [[1, 0, 1]]
    assert columns.untouched
    assert columns[0].gt_label.tolist() == [1, 0, 1]


@pytest.mark.parametrize('rows, found', [
    ([[1, 0, 1], [2]], r'sample_idx=8 has a gt_label of shape \(1,\); .* 3 '
     'zeros and ones'),
    ([[0, 1]], r'shape \(2,\)'),
    ([[0, 1, 0], [0, 2, 0]], 'sample_idx=8 has 2 for label 1; .*is 0 or 1'),
    ([torch.tensor([.5, 0., 0.])], r'sample_idx=7 has 0\.5 for label 0'),
])
def test_several_labels_that_cannot_be(rows, found):
    with pytest.raises(ValueError, match=found):
        several(*rows)
    with pytest.raises(ValueError, match=r'shape \(1, 2\).*num_classes=3'):
        stack_labels(SampleBatch(torch.ones(1, 2), {}), 3, multi_class=True)
    with pytest.raises(ValueError, match='has no gt_label'):
        stack_labels([ActionDataSample()], 3, multi_class=True)


def test_the_host_does_not_wait_for_several():
    with waits_for_the_card() as waits:
        labels = several([1, 0, 1], device=torch.device(CARD))
    assert labels.is_meta and waits == []
