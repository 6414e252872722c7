"""Data sets and their preparation."""
from .array_batch import collate_arrays
from .array_dataset import ArrayDataset, Arrays
from .audio_visual_dataset import AudioVisualDataset
from .av_digits_dataset import AVDigitsDataset
from .cgmnist_dataset import CGMNISTDataset
from .determinism import is_deterministic, why_random
from .htad_dataset import HTADDataset
from .mnist_halves_dataset import MNISTHalvesDataset
from .multiple_features_dataset import MultipleFeaturesDataset
from .own_arrays_dataset import OwnArraysDataset
from .prepared_array_dataset import PreparedArrayDataset
from .prepared_clips_dataset import (
    CremaDDataset,
    KineticsSoundsDataset,
    OwnClipsDataset,
    PreparedClipsDataset,
    VGGSoundDataset,
)
from .ucf101_dataset import UCF101Dataset
from .ucf101_flow import FlowDecode, SplitFlow
from .watch_dataset import WatchDataset

__all__ = [
    'AVDigitsDataset', 'ArrayDataset', 'Arrays', 'AudioVisualDataset',
    'CGMNISTDataset', 'CremaDDataset', 'FlowDecode', 'HTADDataset',
    'KineticsSoundsDataset', 'MNISTHalvesDataset', 'MultipleFeaturesDataset',
    'OwnArraysDataset', 'OwnClipsDataset', 'PreparedArrayDataset',
    'PreparedClipsDataset', 'SplitFlow', 'UCF101Dataset', 'VGGSoundDataset',
    'WatchDataset', 'collate_arrays', 'is_deterministic', 'why_random'
]
