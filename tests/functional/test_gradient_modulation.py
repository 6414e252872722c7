import math

import pytest
import torch

from mmbalance_plugin.functional import ogm_coefficients


def coefficient(rho, alpha, form='cvpr'):
    ratios = {'m': torch.tensor(rho, dtype=torch.float64)}
    return ogm_coefficients(ratios, alpha, form)['m'].item()


def test_golden_values_of_the_released_code():
    # It scaled the dominant gradients by .899085 with alpha .1; that fixes
    # the ratio of its fixture, hence the coefficient with alpha .8.
    rho = math.atanh(1 - .899085) / .1
    assert coefficient(rho, .1) == pytest.approx(.899085, abs=1e-9)
    assert coefficient(rho, .8) == pytest.approx(.330369, abs=5e-6)


@pytest.mark.parametrize('form', ['cvpr', 'tpami'])
@pytest.mark.parametrize('rho', [0., 1e-12, .3, .999999, 1.])
def test_whoever_is_not_ahead_is_left_alone(form, rho):
    assert coefficient(rho, .8, form) == 1.


def test_cvpr_jumps_at_one():
    assert coefficient(1., .8) == 1.
    assert coefficient(1 + 1e-9, .8) == pytest.approx(
        1 - math.tanh(.8), abs=1e-8)


def test_tpami_is_continuous_at_one():
    assert coefficient(1 + 1e-9, .8, 'tpami') == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize('rho', [1.2, 2., 5., 40.])
@pytest.mark.parametrize('alpha', [.1, .8, 1.])
def test_formulas(rho, alpha):
    assert coefficient(rho, alpha) == pytest.approx(
        1 - math.tanh(alpha * rho), rel=1e-12)
    assert coefficient(rho, alpha, 'tpami') == pytest.approx(
        1 - alpha * math.tanh(rho - 1), rel=1e-12)


def test_published_numbers_by_hand():
    # 1 - tanh(.2), 1 - .1 tanh(1)
    assert coefficient(2., .1) == pytest.approx(.802625, abs=1e-6)
    assert coefficient(2., .1, 'tpami') == pytest.approx(.923841, abs=1e-6)


@pytest.mark.parametrize('rho', [.2, 1., 1.5, 1e12])
def test_tpami_without_strength_is_exactly_one(rho):
    assert coefficient(rho, 0., 'tpami') == 1.


def test_default_form_is_the_released_code():
    assert coefficient(2., .1) == coefficient(2., .1, 'cvpr')
    assert coefficient(2., .1) != coefficient(2., .1, 'tpami')


@pytest.mark.parametrize('form', ['cvpr', 'tpami'])
@pytest.mark.parametrize('rho', [1e12, math.inf])
def test_underflowed_rivals_give_a_finite_coefficient(form, rho):
    value = coefficient(rho, .8, form)
    expected = 0. if form == 'cvpr' else 1 - .8
    assert value == pytest.approx(expected, abs=1e-12)


def test_each_modality_gets_its_own():
    ratios = dict(a=torch.tensor(3.), b=torch.tensor(.5), c=torch.tensor(1.5))
    result = ogm_coefficients(ratios, .5)
    assert list(result) == ['a', 'b', 'c']
    assert result['b'].item() == 1.
    assert result['a'].item() == pytest.approx(1 - math.tanh(1.5), rel=1e-5)
    assert result['c'].item() == pytest.approx(1 - math.tanh(.75), rel=1e-5)


def test_nan_ratio_leaves_the_gradient_alone():
    assert coefficient(math.nan, .8) == 1.


def test_nothing_is_read_on_the_host():
    ratios = {name: torch.ones((), device='meta') for name in 'ab'}
    for form in ('cvpr', 'tpami'):
        result = ogm_coefficients(ratios, .8, form)
        assert all(k.is_meta and k.shape == () for k in result.values())


def test_errors_name_the_value():
    ratios = {'m': torch.tensor(2.)}
    with pytest.raises(ValueError, match="'cvpr', 'tpami'.*got 'iccv'"):
        ogm_coefficients(ratios, .1, form='iccv')
    with pytest.raises(ValueError, match='-0.1'):
        ogm_coefficients(ratios, -.1)
