"""Masks on spectrograms (Park et al., Interspeech 2019)."""
from typing import Union

from mmcv.transforms import BaseTransform

from mmbalance_plugin.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SpecAugment(BaseTransform):
    """Blank random bands of frequencies and stretches of time.

    Each mask has a width drawn evenly from 0 up to (excluding) its limit,
    at a place drawn evenly. Draws come from PyTorch's global generator,
    which MMEngine seeds in every data worker. The windows of one sample
    share their masks.

    Required Keys:

    - audios: FloatTensor (..., F, T)

    Modified Keys:

    - audios

    Args:
        freq_masks (int): Number of frequency masks. Defaults to 2.
        freq_width (int): Limit of their width in bins. Defaults to 27.
        time_masks (int): Number of time masks. Defaults to 2.
        time_width (int): Limit of their width in frames. Defaults to 40.
        max_share (float): No time mask takes more than this share of the
            sound. Defaults to 1.0.
        value (float | str): What a mask shows: a number, or ``'mean'`` of
            the spectrogram. Defaults to ``'mean'``: zero is loud in a
            logarithm.
    """

    deterministic = False

    def __init__(self,
                 freq_masks: int = 2,
                 freq_width: int = 27,
                 time_masks: int = 2,
                 time_width: int = 40,
                 max_share: float = 1.0,
                 value: Union[float, str] = 'mean') -> None:
        if isinstance(value, str) and value != 'mean':
            raise ValueError(f"value must be a number or 'mean', got {value}")
        self.freq_masks = freq_masks
        self.freq_width = freq_width
        self.time_masks = time_masks
        self.time_width = time_width
        self.max_share = max_share
        self.value = value

    def transform(self, results: dict) -> dict:
        """Mask ``results['audios']``."""
        from torchaudio.functional import mask_along_axis
        sound = results['audios']
        value = self.value
        if value == 'mean':
            value = float(sound.mean())
        frequency, time = sound.dim() - 2, sound.dim() - 1
        for _ in range(self.freq_masks):
            sound = mask_along_axis(sound, self.freq_width, value, frequency)
        for _ in range(self.time_masks):
            sound = mask_along_axis(
                sound, self.time_width, value, time, self.max_share)
        results['audios'] = sound
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(freq_masks={self.freq_masks}, '
                f'freq_width={self.freq_width}, '
                f'time_masks={self.time_masks}, '
                f'time_width={self.time_width}, value={self.value!r})')
