import numpy as np
import pytest
import torch

from mmbalance_plugin.functional import mmpareto_direction


def direction(fused, unimodal, **kwargs):
    return mmpareto_direction(
        torch.tensor(fused, dtype=torch.float64),
        torch.tensor(unimodal, dtype=torch.float64), **kwargs).tolist()


def test_golden_conflict_and_agreement():
    assert direction([1, 0], [-1, 2]) == pytest.approx([2.121320, 2.121320],
                                                       abs=1e-6)
    assert direction([1, 2], [3, 1]) == pytest.approx([6, 4.5], abs=1e-6)


def test_golden_of_both_norms():
    fused, unimodal = [1, 0, 1], [-1, 2, .5]
    assert direction(fused, unimodal) == pytest.approx(
        [1.325335, 2.038977, 2.854568], abs=1e-6)
    assert direction(
        fused, unimodal, norm='tensor', sizes=[2, 1]) == pytest.approx(
            [1.634965, 2.515331, 2.545455], abs=1e-6)


def test_gamma_one_and_agreement_is_the_plain_sum():
    assert direction([1, 2], [3, 1], gamma=1.) == pytest.approx([4, 3],
                                                                rel=1e-12)


@pytest.fixture(scope='module')
def pairs():
    rng = np.random.default_rng(1)
    # The second one longer: conflicts of unequal gradients.
    return torch.tensor(rng.normal(size=(500, 2, 7)) * [[[1], [4]]])


def test_against_neither_gradient_with_the_encoder_norm(pairs):
    against = 0
    for fused, unimodal in pairs:
        h = mmpareto_direction(fused, unimodal)
        assert h @ fused > -1e-9 and h @ unimodal > -1e-9
        total = fused + unimodal
        against += bool(total @ fused < 0 or total @ unimodal < 0)
        assert h.norm() == pytest.approx(1.5 * float(total.norm()))
    assert against > 50  # the plain sum is, in many


def test_exchanging_the_losses_changes_nothing(pairs):
    for fused, unimodal in pairs[:100]:
        torch.testing.assert_close(
            mmpareto_direction(fused, unimodal),
            mmpareto_direction(unimodal, fused))


def test_a_common_loss_scale_passes_through(pairs):
    fused, unimodal = pairs[3]
    torch.testing.assert_close(
        mmpareto_direction(fused * 1024, unimodal * 1024),
        mmpareto_direction(fused, unimodal) * 1024)


def test_opposite_and_zero_gradients_are_finite():
    assert direction([1, 2], [-1, -2]) == [0, 0]
    assert direction([0, 0], [0, 0]) == [0, 0]
    # One of them absent: the other one's direction.
    assert direction([0, 0], [3, 4], gamma=1.) == pytest.approx([3, 4])
    assert direction([0, 0, 3], [0, 0, 4], norm='tensor',
                     sizes=[2, 1]) == pytest.approx([0, 0, 10.5])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'encoder', 'tensor'"):
        direction([1], [1], norm='layer')
    with pytest.raises(ValueError, match='same encoder'):
        direction([1], [1, 2])
    with pytest.raises(ValueError, match='3 elements'):
        direction([1, 2, 3], [1, 2, 3], norm='tensor', sizes=[2])
