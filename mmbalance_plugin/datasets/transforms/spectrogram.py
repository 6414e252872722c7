"""Log spectrograms of decoded sound, by torchaudio."""
from typing import Callable, Optional

import numpy as np
import torch

from mmbalance_plugin.registry import TRANSFORMS

from .base import Transform


class _Spectrogram(Transform):
    """Base: waves (..., n) to log spectrograms (..., 1, F, T)."""

    def __init__(self, kind: Callable, settings: dict, eps: float,
                 clamp: Optional[float], sample_rate: Optional[int]) -> None:
        self._power = kind(**settings)
        self.__dict__.update(settings)
        self.eps, self.clamp, self.sample_rate = eps, clamp, sample_rate

    def transform(self, results: dict) -> dict:
        """Replace the wave in ``results['audios']`` by its spectrogram."""
        got = results.get('sample_rate')
        if None not in (self.sample_rate, got) and got != self.sample_rate:
            raise ValueError(
                f'{type(self).__name__} is set up for {self.sample_rate} '
                f'samples a second, the sound has {got}')
        wave = torch.as_tensor(np.asarray(results['audios']))
        if self.clamp is not None:
            wave = wave.clamp(-self.clamp, self.clamp)
        spectrogram = torch.log(self._power(wave) + self.eps)
        results['audios'] = spectrogram.unsqueeze(-3)
        return results


@TRANSFORMS.register_module()
class LogSpectrogram(_Spectrogram):
    """Log-magnitude spectrogram; as is, the one of the OGM-GE recipe.

    ``log(|STFT| + eps)`` with a periodic Hann window and reflected edges.
    The defaults, on 3 s at 22.05 kHz, give the 257 x 188 picture that
    OGM-GE and most of its successors train on.

    Required Keys:

    - audios: float32 (n, ) or (num_clips, n)

    Modified Keys:

    - audios: FloatTensor (1, n_fft // 2 + 1, 1 + n // hop_length), with a
      leading num_clips where the wave has it

    Args:
        n_fft (int): Samples in a window. Defaults to 512.
        hop_length (int): Samples from one window to the next. Defaults to
            353.
        power (float): Exponent of the magnitude. Defaults to 1.0.
        eps (float): Added before the logarithm. Defaults to 1e-7.
        clamp (float, optional): Waves are clipped to +-clamp first. Defaults
            to 1.0, as in that recipe; None does not clip.
        sample_rate (int, optional): Rate the sound must have, checked.
            Defaults to None: any.
        kwargs: Of torchaudio's ``Spectrogram``: ``win_length``, or
            ``center``, with which False takes whole windows only,
            1 + (n - n_fft) // hop_length of them.
    """

    def __init__(self,
                 n_fft: int = 512,
                 hop_length: int = 353,
                 power: float = 1.0,
                 eps: float = 1e-7,
                 clamp: Optional[float] = 1.0,
                 sample_rate: Optional[int] = None,
                 **kwargs) -> None:
        # Late: the registry's shims make it importable on the CPU.
        from torchaudio.transforms import Spectrogram
        super().__init__(
            Spectrogram,
            dict(n_fft=n_fft, hop_length=hop_length, power=power, **kwargs),
            eps, clamp, sample_rate)


@TRANSFORMS.register_module()
class LogMelSpectrogram(_Spectrogram):
    """Logarithm of the power on the mel scale.

    Required Keys:

    - audios: float32 (n, ) or (num_clips, n)
    - sample_rate (optional): checked

    Modified Keys:

    - audios: FloatTensor (1, n_mels, 1 + n // hop_length), with a leading
      num_clips where the wave has it

    Args:
        sample_rate (int): Rate of the sound. Defaults to 16000.
        n_mels (int): Number of mel bands. Defaults to 64.
        n_fft (int): Samples in a window. Too few leave low bands
            empty. Defaults to 1024 (64 ms).
        hop_length (int): Samples from one window to the next. Defaults to
            160 (10 ms).
        eps (float): Added before the logarithm. Defaults to 1e-6.
        clamp (float, optional): Waves are clipped to +-clamp first. Defaults
            to None.
        kwargs: Of torchaudio's ``MelSpectrogram``: ``f_min``, ``f_max``,
            ``power``, ``mel_scale``, ``norm`` ...
    """

    def __init__(self,
                 sample_rate: int = 16000,
                 n_mels: int = 64,
                 n_fft: int = 1024,
                 hop_length: int = 160,
                 eps: float = 1e-6,
                 clamp: Optional[float] = None,
                 **kwargs) -> None:
        from torchaudio.transforms import MelSpectrogram
        super().__init__(
            MelSpectrogram,
            dict(sample_rate=sample_rate, n_fft=n_fft, hop_length=hop_length,
                 n_mels=n_mels, **kwargs), eps, clamp, sample_rate)
