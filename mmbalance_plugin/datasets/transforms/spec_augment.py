"""Masks on spectrograms (Park et al., Interspeech 2019)."""
from mmbalance_plugin.registry import TRANSFORMS

from .base import Transform


@TRANSFORMS.register_module()
class SpecAugment(Transform):
    """Blank random bands of frequencies and stretches of time, by torchaudio.

    Each mask has a width drawn evenly from 0 up to (excluding) its limit,
    at a place drawn evenly, and shows the mean of the spectrogram: zero is
    loud in a logarithm. Draws come from PyTorch's global generator, which
    MMEngine seeds in every data worker. The windows of one sample share
    their masks.

    Required Keys:

    - audios: FloatTensor (..., F, T)

    Modified Keys:

    - audios

    Args:
        freq_masks (int): Number of frequency masks. Defaults to 2.
        freq_width (int): Limit of their width in bins. Defaults to 27.
        time_masks (int): Number of time masks. Defaults to 2.
        time_width (int): Limit of their width in frames. Defaults to 40.
        max_share (float): No mask takes more than this share of the bins or
            frames. Defaults to 1.0.
    """

    deterministic = False

    def __init__(self,
                 freq_masks: int = 2,
                 freq_width: int = 27,
                 time_masks: int = 2,
                 time_width: int = 40,
                 max_share: float = 1.0) -> None:
        # Late: the registry's shims make it importable on the CPU.
        from torchaudio import transforms
        self.freq_width, self.time_width = freq_width, time_width
        self._mask = transforms.SpecAugment(
            time_masks, time_width, freq_masks, freq_width, iid_masks=False,
            p=max_share)

    def transform(self, results: dict) -> dict:
        """Mask ``results['audios']``."""
        results['audios'] = self._mask(results['audios'])
        return results
