import pytest
import torch

from mmbalance_plugin.functional import ece


def test_by_hand():
    # Bins of a half: (.5, 1] holds all four, 3 right, mean confidence .8.
    p = torch.tensor([[.9, .1], [.8, .2], [.3, .7], [.2, .8]],
                     dtype=torch.float64)
    targets = torch.tensor([0, 1, 1, 1])
    assert ece(p, targets, bins=2).item() == pytest.approx(abs(.75 - .8))
    # Tenths: (.8, .9] right, (.7, .8] two of which one is right, (.6, .7].
    expected = (abs(1 - .9) + abs(1 - 1.6) + abs(1 - .7)) / 4
    assert ece(p, targets, bins=10).item() == pytest.approx(expected)


def test_against_a_plain_loop():
    torch.manual_seed(0)
    p = torch.randn(200, 5, dtype=torch.float64).mul(2).softmax(1)
    targets = torch.randint(5, (200, ))
    confidence, predicted = p.max(1)
    expected = 0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if inside.any():
            accuracy = (predicted == targets)[inside].double().mean()
            expected += inside.double().mean() * abs(
                accuracy - confidence[inside].mean())
    assert ece(p, targets).item() == pytest.approx(float(expected))


def test_sure_and_right_is_calibrated():
    assert ece(torch.eye(3), torch.arange(3)).item() == 0
    assert ece(torch.eye(3), torch.tensor([1, 2, 0])).item() == 1


def test_refuses_nothing_to_measure():
    with pytest.raises(ValueError, match='0 samples'):
        ece(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
