"""Waves: mixed to mono, resampled, brought to a length."""
from functools import lru_cache
from typing import Tuple

import av
import numpy as np

from .errors import MediaError

#: Share of each speaker in the mono mix, before they are made to sum to 1:
#: what broadcasting uses (ITU-R BS.775), without the subwoofer.
_SHARES = dict(
    FL=0.5**0.5, FR=0.5**0.5, FC=1.0, LFE=0.0, BL=0.5, BR=0.5, SL=0.5,
    SR=0.5, BC=0.5, FLC=0.5**0.5, FRC=0.5**0.5)


@lru_cache
def mono_weights(channels: Tuple[str, ...]) -> np.ndarray:
    """How much of each channel goes into the mono mix.

    Args:
        channels (tuple[str]): Speakers as FFmpeg names them: ``FL``, ``FR``,
            ``FC``, ``LFE`` ...

    Returns:
        np.ndarray: float32, sums to 1. Left and right get the same, the
        centre 3 dB more, the surround channels 3 dB less, the subwoofer
        nothing. Equal shares where a speaker is unknown.
    """
    shares = np.array([_SHARES.get(name, np.nan) for name in channels])
    if np.isnan(shares).any() or not shares.sum():
        shares = np.ones(len(channels))
    return (shares / shares.sum()).astype(np.float32)


def to_mono(path: str, frame: av.AudioFrame) -> np.ndarray:
    """One decoded frame as float32 (n,), whatever its sample format."""
    try:
        data = frame.to_ndarray()
    except ValueError as error:
        raise MediaError(path, f'sound cannot be read: {error}') from error
    count = frame.layout.nb_channels
    if not frame.format.is_planar:
        data = data.reshape(-1, count).T
    wave = data.astype(np.float32, copy=False)
    if data.dtype.kind == 'u':
        wave -= 128
    if count == 1:
        wave = wave[0]
    else:
        names = tuple(channel.name for channel in frame.layout.channels)
        wave = mono_weights(names) @ wave
    if data.dtype.kind in 'iu':
        wave = wave * np.float32(0.5**(8 * data.dtype.itemsize - 1))
    return wave


def resample(wave: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """Change the sample rate of a mono wave with FFmpeg's resampler.

    Args:
        wave (np.ndarray): float32, shape (n,).
        rate (int): Its samples per second.
        sample_rate (int): Those of the result.

    Returns:
        np.ndarray: float32 of round(n * sample_rate / rate) samples (at
        least one), not delayed against the input.
    """
    if rate == sample_rate or not len(wave):
        return wave
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(wave)[None], format='fltp', layout='mono')
    frame.sample_rate = rate
    resampler = av.AudioResampler('fltp', 'mono', sample_rate)
    frames = resampler.resample(frame) + resampler.resample(None)
    # A handful of samples is too few for the filter to put out any.
    result = np.concatenate([f.to_ndarray()[0] for f in frames] or [wave])
    length = max(1, round(len(wave) * sample_rate / rate))
    return np.pad(result[:length], (0, max(0, length - len(result))), 'edge')


def fit_length(wave: np.ndarray, length: int, pad: str) -> np.ndarray:
    """Bring a wave to a length by cutting its end or padding it.

    Args:
        wave (np.ndarray): Shape (n,), n > 0.
        length (int): Samples wanted.
        pad (str): What a shorter wave is filled with: ``'repeat'`` (the wave
            again and again), ``'zero'`` (silence) or ``'none'`` (nothing: it
            stays shorter).

    Returns:
        np.ndarray: Shape (length,), or shorter with ``'none'``.
    """
    if len(wave) >= length or pad == 'none':
        return wave[:length]
    if pad == 'zero':
        return np.pad(wave, (0, length - len(wave)))
    if pad == 'repeat':
        return np.resize(wave, length)
    raise ValueError(
        f"pad must be 'repeat', 'zero' or 'none', got {pad!r}")
