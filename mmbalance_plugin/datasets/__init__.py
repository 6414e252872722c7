"""Data sets and their preparation."""
from .array_batch import collate_arrays
from .array_dataset import ArrayDataset, Arrays
from .audio_visual_dataset import AudioVisualDataset
from .av_digits_dataset import AVDigitsDataset
from .crema_d_dataset import CremaDDataset
from .determinism import is_deterministic, why_random
from .kinetics_sounds_dataset import KineticsSoundsDataset
from .multiple_features_dataset import MultipleFeaturesDataset
from .prepared_clips_dataset import PreparedClipsDataset
from .ucf101_dataset import UCF101Dataset
from .ucf101_flow import FlowDecode, SplitFlow
from .vggsound_dataset import VGGSoundDataset

__all__ = [
    'AVDigitsDataset', 'ArrayDataset', 'Arrays', 'AudioVisualDataset',
    'CremaDDataset', 'FlowDecode', 'KineticsSoundsDataset',
    'MultipleFeaturesDataset', 'PreparedClipsDataset', 'SplitFlow',
    'UCF101Dataset', 'VGGSoundDataset', 'collate_arrays', 'is_deterministic',
    'why_random'
]
