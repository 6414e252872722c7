"""Does a pipeline give the same sample each time?"""
from typing import Callable, Sequence

# Transforms of MMAction2 and MMCV that draw nothing, whatever their
# arguments are. A transform that is not here counts as random.
DRAWS_NOTHING = frozenset([
    'PackActionInputs', 'FormatShape', 'FormatAudioShape', 'CenterCrop',
    'ThreeCrop', 'TenCrop', 'Resize', 'AudioFeatureSelector', 'RawFrameDecode',
    'DecordInit', 'DecordDecode', 'PyAVInit', 'PyAVDecode', 'OpenCVInit',
    'OpenCVDecode', 'ImageDecode', 'ArrayDecode', 'LoadAudioFeature',
    'ToTensor', 'ImageToTensor', 'Transpose', 'LoadImageFromFile', 'Normalize'
])


def is_deterministic(transforms: Sequence[Callable]) -> bool:
    """Tell whether no transform of a pipeline draws random numbers.

    A transform says so itself with an attribute ``deterministic`` (bool);
    without one, only known transforms of MMAction2 and MMCV count as
    drawing nothing.

    Args:
        transforms (Sequence[Callable]): Built transforms.

    Returns:
        bool: True only if that is certain.
    """
    return all(
        getattr(transform, 'deterministic', _is_known(transform))
        for transform in transforms)


def _is_known(transform: Callable) -> bool:
    """Whether one of MMAction2 or MMCV draws nothing as it is set up."""
    kind = type(transform).__name__
    if kind == 'SampleFrames':
        # Takes what lies in the middle then.
        return bool(getattr(transform, 'test_mode', False)
                    and not getattr(transform, 'temporal_jitter', True))
    return kind in DRAWS_NOTHING
