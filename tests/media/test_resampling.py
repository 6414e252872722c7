"""Waves at another rate and of another length, without a file."""
import numpy as np
import pytest
from scipy.signal import resample_poly

from mmbalance_plugin.media import fit_length, resample
from tests.media_utils import tone


@pytest.mark.parametrize('rate, target', [(48000, 22050), (16000, 22050),
                                          (44100, 16000), (8000, 48000)])
def test_resampling_neither_delays_nor_damps(rate, target):
    wave = tone(0.5, rate, hertz=523)[0]
    result = resample(wave, rate, target)
    assert len(result) == round(len(wave) * target / rate)
    edge = target // 50
    np.testing.assert_allclose(
        result[edge:-edge],
        tone(0.5, target, hertz=523)[0][edge:len(result) - edge], atol=0.005)
    np.testing.assert_allclose(
        result[edge:-edge],
        resample_poly(wave, target, rate)[edge:len(result) - edge], atol=0.01)


def test_resampling_removes_what_would_alias():
    wave = tone(0.5, 48000, hertz=15000)[0]
    result = resample(wave, 48000, 16000)
    assert np.abs(result[800:-800]).max() < 0.01


def test_resampling_of_next_to_nothing():
    one = np.ones(1, dtype=np.float32)
    assert resample(one, 48000, 16000).shape == (1, )
    assert resample(one, 8000, 16000).shape == (2, )
    assert resample(one, 8000, 8000) is one


def test_fit_length():
    wave = np.arange(1, 4)
    assert fit_length(wave, 7, 'repeat').tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert fit_length(wave, 5, 'zero').tolist() == [1, 2, 3, 0, 0]
    assert fit_length(wave, 5, 'none').tolist() == [1, 2, 3]
    for pad in ('repeat', 'zero', 'none'):
        assert fit_length(wave, 2, pad).tolist() == [1, 2]
    with pytest.raises(ValueError, match="got 'wrap'"):
        fit_length(wave, 5, 'wrap')
