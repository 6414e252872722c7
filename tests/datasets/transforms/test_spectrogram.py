"""Spectrograms against a slow definition."""
import numpy as np
import pytest
import torch

from mmbalance_plugin.datasets.transforms import (
    LogMelSpectrogram,
    LogSpectrogram,
    SpecAugment,
)
from tests.media_utils import tone


def short_time_spectrum(wave, n_fft, hop):
    """Magnitudes (F, T) by the definition, one window at a time."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    padded = np.pad(wave.astype(np.float64), n_fft // 2, mode='reflect')
    columns = []
    for start in range(0, len(padded) - n_fft + 1, hop):
        columns.append(np.abs(np.fft.rfft(
            padded[start:start + n_fft] * window)))
    return np.stack(columns, axis=1)


def noise(*shape):
    return np.random.default_rng(0).normal(
        size=shape, scale=0.2).astype(np.float32)


def test_ogm_recipe():
    """3 s at 22.05 kHz give 257 x 188, log(|.| + 1e-7)."""
    wave = noise(66150)
    result = LogSpectrogram()(dict(audios=wave, sample_rate=22050))['audios']
    assert result.shape == (1, 257, 188) and result.dtype == torch.float32
    expected = np.log(
        short_time_spectrum(wave.clip(-1, 1), 512, 353) + 1e-7)
    np.testing.assert_allclose(result[0].numpy(), expected, atol=1e-3)


@pytest.mark.parametrize('seconds, columns', [(3, 299), (10, 1004)])
def test_whole_windows_only(seconds, columns):
    """UDI's paper: 257 x 299 and 257 x 1004 at 16 kHz."""
    wave = noise(16000 * seconds)
    got = LogSpectrogram(hop_length=159, center=False)(
        dict(audios=wave, sample_rate=16000))['audios']
    assert got.shape == (1, 257, columns)
    first = np.abs(np.fft.rfft(wave[159:159 + 512].astype(np.float64).clip(
        -1, 1) * np.hanning(513)[:512]))
    np.testing.assert_allclose(
        got[0, :, 1].numpy(), np.log(first + 1e-7), atol=1e-3)


def test_silence_is_finite():
    result = LogSpectrogram()(dict(audios=np.zeros(66150, np.float32)))
    torch.testing.assert_close(
        result['audios'], torch.full((1, 257, 188), float(np.log(1e-7))))


def test_clamp():
    loud = 3 * noise(4000)
    clipped = LogSpectrogram()(dict(audios=loud))['audios']
    free = LogSpectrogram(clamp=None)(dict(audios=loud))['audios']
    assert not torch.allclose(clipped, free)
    torch.testing.assert_close(
        clipped, LogSpectrogram(clamp=None)(
            dict(audios=loud.clip(-1, 1)))['audios'])


def test_power_and_windows_of_several_clips():
    waves = noise(3, 8000)
    transform = LogSpectrogram(n_fft=256, hop_length=64, power=2.0, eps=1e-3)
    result = transform(dict(audios=waves))['audios']
    assert result.shape == (3, 1, 129, 126)
    for wave, spectrogram in zip(waves, result):
        expected = np.log(short_time_spectrum(wave, 256, 64)**2 + 1e-3)
        np.testing.assert_allclose(
            spectrogram[0].numpy(), expected, atol=1e-3)


def test_tone_is_loudest_in_its_bin():
    wave = tone(1, 16000, hertz=1000)[0]
    result = LogSpectrogram(n_fft=512, hop_length=160)(
        dict(audios=wave))['audios'][0]
    assert (result[:, 10:-10].argmax(0) == 1000 * 512 // 16000).all()


def test_mel_bands_in_closed_form():
    """A tone is loudest in the triangle whose peak is nearest in mel."""

    def mel(hertz):
        return 2595 * np.log10(1 + hertz / 700)

    transform = LogMelSpectrogram(16000, n_mels=40, n_fft=1024)
    centres = np.linspace(0, mel(8000), 42)[1:-1]
    for hertz in (500, 1000, 3000, 6000):
        result = transform(
            dict(audios=tone(1, 16000, hertz)[0],
                 sample_rate=16000))['audios']
        assert result.shape == (1, 40, 101)
        loudest = result[0, :, 20:-20].mean(1).argmax()
        assert loudest == np.abs(centres - mel(hertz)).argmin()


@pytest.mark.filterwarnings('error')
def test_default_mel_bands_are_finite_and_not_empty():
    result = LogMelSpectrogram()(
        dict(audios=noise(16000), sample_rate=16000))['audios']
    assert result.shape == (1, 64, 101) and result.isfinite().all()


def test_wrong_rate_is_refused():
    with pytest.raises(ValueError, match='set up for 16000 .* has 22050'):
        LogMelSpectrogram()(dict(audios=noise(4000), sample_rate=22050))
    with pytest.raises(ValueError, match='LogSpectrogram is set up'):
        LogSpectrogram(sample_rate=16000)(
            dict(audios=noise(4000), sample_rate=22050))


def masked_runs(hidden):
    """Lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.r_[0, hidden.astype(int), 0]))
    return (edges[1::2] - edges[::2]).tolist()


def test_spec_augment_masks_bands_and_stretches():
    transform = SpecAugment(
        freq_masks=1, freq_width=8, time_masks=1, time_width=12)
    sound = torch.rand(1, 40, 60)
    widths = {'frequency': set(), 'time': set()}
    for seed in range(60):
        torch.manual_seed(seed)
        result = transform(dict(audios=sound))['audios']
        hidden = (result[0] != sound[0]).numpy()
        rows, columns = hidden.all(1), hidden.all(0)
        assert len(masked_runs(rows)) <= 1 >= len(masked_runs(columns))
        widths['frequency'].add(int(rows.sum()))
        widths['time'].add(int(columns.sum()))
        # All else is as it was.
        keep = ~(rows[:, None] | columns[None])
        np.testing.assert_array_equal(
            result[0].numpy()[keep], sound[0].numpy()[keep])
    assert widths['frequency'] == set(range(8))
    assert max(widths['time']) == 11


def test_spec_augment_mean_and_share():
    torch.manual_seed(0)
    sound = torch.rand(2, 1, 10, 100)
    transform = SpecAugment(
        freq_masks=0, time_masks=1, time_width=90, max_share=0.1)
    for _ in range(20):
        result = transform(dict(audios=sound))['audios']
        changed = (result != sound).any(dim=(0, 1, 2))
        assert changed.sum() <= 10
        torch.testing.assert_close(
            result[..., changed], sound.mean().expand(2, 1, 10,
                                                      int(changed.sum())))


def test_spec_augment_draws_from_torch():
    transform = SpecAugment()
    sound = torch.rand(1, 80, 200)
    torch.manual_seed(3)
    first = transform(dict(audios=sound))['audios']
    torch.manual_seed(3)
    torch.testing.assert_close(transform(dict(audios=sound))['audios'], first)
    assert not transform.deterministic


def test_says_what_it_is():
    assert 'hop_length=353' in repr(LogSpectrogram())
    assert 'n_mels=64' in repr(LogMelSpectrogram())
    assert 'freq_width=27' in repr(SpecAugment())
