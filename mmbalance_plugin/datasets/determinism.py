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
    for transform in transforms:
        known = type(transform).__name__ in DRAWS_NOTHING
        if not getattr(transform, 'deterministic', known):
            return False
    return True
