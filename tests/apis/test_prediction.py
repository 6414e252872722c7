"""A batch's tensors become predictions."""
import pytest
import torch

from mmbalance_plugin.apis.prediction import assemble_predictions
from tests.pretended_card import CARD, waits_for_the_card

MODALITIES = ('a', 'b', 'c')


def tensors(device='cpu'):
    """Two clips of three classes that lack the second modality."""
    fused = torch.tensor([[.2, .5, .3], [.7, .1, .2]], device=device)
    return dict(
        fused=fused,
        alone=dict(a=fused.flip(1), c=fused),
        baseline=torch.tensor([.25, .5], device=device),
        shares=dict(
            c=torch.tensor([.125, -.5], device=device),
            a=torch.tensor([1., 2.], device=device)))


def test_each_number_in_its_place():
    first, second = assemble_predictions(
        ['x', 'y'], ['dog', 'cat', 'cow'], MODALITIES, **tensors())
    assert (first.clip, first.name, first.label) == ('x', 'cat', 1)
    assert first.score == pytest.approx(.5) and first.baseline == .25
    assert second.scores == pytest.approx((.7, .1, .2))
    assert second.baseline == .5 and second.modalities['b'] is None
    a, c = second.modalities['a'], second.modalities['c']
    assert (a.name, a.share, c.name, c.share) == ('cow', 2., 'dog', -.5)
    assert a.scores == pytest.approx((.2, .1, .7))


def test_one_copy_from_a_card():
    with waits_for_the_card() as waits:
        assemble_predictions(['x', 'y'], ['dog', 'cat', 'cow'], MODALITIES,
                             **tensors(CARD))
    assert waits == ['copied from meta to cpu']
