"""Data sets and their preparation."""
from .array_dataset import ArrayDataset, Arrays
from .av_digits_dataset import AVDigitsDataset
from .determinism import is_deterministic
from .multiple_features_dataset import MultipleFeaturesDataset

__all__ = [
    'AVDigitsDataset', 'ArrayDataset', 'Arrays', 'MultipleFeaturesDataset',
    'is_deterministic'
]
