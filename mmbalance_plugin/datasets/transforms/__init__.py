"""Transforms: sound and frames out of media files, spectrograms, packing."""
from .audio import PyAVAudioDecode
from .cached import CachedTransforms
from .kept_frames import SampleAtRate, StackFrames
from .packing import PackMultimodalInputs
from .per_modality import PerModality
from .spec_augment import SpecAugment
from .spectrogram import LogMelSpectrogram, LogSpectrogram
from .video import ClipSegment, PyAVVideoDecode, PyAVVideoInit

__all__ = [
    'CachedTransforms', 'ClipSegment', 'LogMelSpectrogram', 'LogSpectrogram',
    'PackMultimodalInputs', 'PerModality', 'PyAVAudioDecode',
    'PyAVVideoDecode', 'PyAVVideoInit', 'SampleAtRate', 'SpecAugment',
    'StackFrames'
]
