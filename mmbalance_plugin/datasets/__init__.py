"""Data sets and their preparation."""
from .array_dataset import ArrayDataset, Arrays
from .audio_visual_dataset import AudioVisualDataset
from .av_digits_dataset import AVDigitsDataset
from .determinism import is_deterministic
from .multiple_features_dataset import MultipleFeaturesDataset

__all__ = [
    'AVDigitsDataset', 'ArrayDataset', 'Arrays', 'AudioVisualDataset',
    'MultipleFeaturesDataset', 'is_deterministic'
]
