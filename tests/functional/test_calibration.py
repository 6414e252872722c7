import pytest
import torch

from mmbalance_plugin.functional import ece, fit_temperature


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


@pytest.mark.parametrize('confidence', [.2, 1., 3.])
def test_a_temperature_makes_confidence_accuracy(confidence):
    # Right 3 times of 4: sigmoid(2 a / T) = 3 / 4, T = 2 a / log 3.
    logits = torch.tensor([[confidence, -confidence]]).expand(8, 2)
    targets = torch.tensor([0, 0, 0, 1] * 2)
    expected = 2 * confidence / torch.tensor(3.).log().item()
    assert fit_temperature(logits, targets) == pytest.approx(
        expected, rel=1e-4)


def test_temperature_of_what_is_always_right_or_absent():
    assert fit_temperature(5 * torch.eye(3), torch.arange(3)) == \
        pytest.approx(.01, abs=1e-4)
    with pytest.raises(ValueError, match='0 samples'):
        fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
