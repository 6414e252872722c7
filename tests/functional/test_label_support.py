import math

import pytest
import torch

from mmbalance_plugin.functional import label_support

LOGITS = torch.tensor([[0., math.log(3.), math.log(4.)],
                       [math.log(3.), 0., -math.log(3.)]])


def test_several_labels_have_the_mean_probability_of_those_there():
    targets = torch.tensor([[0., 1., 1.], [1., 0., 0.]])
    # Sigmoids: 1/2, 3/4, 4/5 and 3/4, 1/2, 1/4.
    found = label_support(LOGITS, targets, multi_class=True)
    assert found.tolist() == pytest.approx([(.75 + .8) / 2, .75])


def test_a_sample_without_labels_supports_nothing():
    found = label_support(LOGITS, torch.zeros(2, 3), multi_class=True)
    assert found.tolist() == [0., 0.]


def test_blended_labels_have_the_mean_of_their_probabilities():
    targets = torch.tensor([[.25, .75, 0.], [0., 1., 0.]])
    # Softmax: 1/8, 3/8, 4/8 and 9/13, 3/13, 1/13.
    found = label_support(LOGITS, targets)
    assert found.tolist() == pytest.approx([2.5 / 8, 3 / 13])


@pytest.mark.parametrize('modalities', [(), (4, )])
def test_one_class_has_its_probability_however_it_is_written(modalities):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(*modalities, 6, 5, generator=generator)
    classes = torch.tensor([0, 1, 2, 3, 4, 0])
    found = label_support(logits, classes)
    expected = logits.softmax(-1)[..., torch.arange(6), classes]
    torch.testing.assert_close(found, expected)
    soft = torch.nn.functional.one_hot(classes, 5).float()
    torch.testing.assert_close(label_support(logits, soft), expected)
    # One label of two classes is a label that is there or not.
    yes = torch.randn(3, 1, generator=generator)
    there = label_support(yes, torch.ones(3, 1), multi_class=True)
    two = torch.cat([yes, torch.zeros_like(yes)], 1)
    torch.testing.assert_close(
        there, label_support(two, torch.zeros(3, dtype=torch.long)))


def test_half_precision_is_lifted():
    found = label_support(LOGITS.half(), torch.ones(2, 3), True)
    assert found.dtype == torch.float32
