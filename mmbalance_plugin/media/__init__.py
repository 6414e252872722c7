"""Reading picture and sound with PyAV; needs nothing of OpenMMLab."""
from .audio import decode_audio
from .errors import MediaError, MissingStreamError
from .index import FrameIndex, frame_index
from .probe import MediaInfo, probe
from .reader import MediaReader
from .video import check_frames, decode_frames
from .waves import fit_length, mono_weights, resample

__all__ = [
    'FrameIndex', 'MediaError', 'MediaInfo', 'MediaReader',
    'MissingStreamError', 'check_frames', 'decode_audio', 'decode_frames',
    'fit_length', 'frame_index', 'mono_weights', 'probe',
    'resample'
]
