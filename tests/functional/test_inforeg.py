"""InfoReg's window and pull."""
import pytest
import torch

from mmbalance_plugin.functional import inforeg_coefficients, inforeg_window


def named(*values):
    return {
        m: torch.tensor(v, dtype=torch.float64)
        for m, v in zip('abc', values)
    }


def test_golden_pull():
    a = inforeg_coefficients(named(.8, .2), .9)
    assert a['a'].item() == pytest.approx(1.621489, abs=1e-6)
    assert a['b'].item() == 0
    w = torch.tensor([1., 2.], dtype=torch.float64, requires_grad=True)
    penalty = a['a'] / 2 * (w - torch.tensor([.5, 2.5])).square().sum()
    penalty.backward()
    assert penalty.item() == pytest.approx(.405372, abs=1e-6)
    assert w.grad.tolist() == pytest.approx([.810744, -.810744], abs=1e-6)


def test_each_modality_against_the_mean_of_the_others():
    a = inforeg_coefficients(named(.7, .5, .1), .9)
    expected = (.9 * torch.tensor([.4, .1]).tanh()).exp().tolist()
    assert [v.item() for v in a.values()] == pytest.approx([*expected, 0])


def test_level_modalities_are_left_alone():
    assert not any(inforeg_coefficients(named(.5, .5, .5), .9).values())


def test_window():
    """Growth by a twenty-first is above 0.04, by a fiftieth is not."""
    before = torch.tensor([10., 10., 10., torch.nan, 0.])
    last = torch.tensor([10.5, 10.2, 9., 10., 0.])
    assert inforeg_window(before, last, .04).tolist() == [
        True, False, False, False, False
    ]
    assert not inforeg_window(before, last, .0477)[0]


def test_refuses_a_single_modality():
    with pytest.raises(ValueError, match='compares'):
        inforeg_coefficients(named(.5), .9)
