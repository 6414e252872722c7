"""Does a data set give the same sample each time?

Loading a sample twice cannot prove it: a flip in one of ten samples hides
from any short look. So it is known, or declared, or it does not hold.
"""
from typing import Any, Callable, List, Optional, Sequence

from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from torch.utils.data import ConcatDataset as TorchConcatDataset
from torch.utils.data import Subset

# Transforms of MMAction2 and MMCV that draw nothing, whatever their
# arguments are. A transform that is not here counts as random.
_DRAWS_NOTHING = frozenset([
    'PackActionInputs', 'FormatShape', 'FormatAudioShape', 'CenterCrop',
    'ThreeCrop', 'TenCrop', 'Resize', 'AudioFeatureSelector', 'RawFrameDecode',
    'DecordInit', 'DecordDecode', 'PyAVInit', 'PyAVDecode', 'OpenCVInit',
    'OpenCVDecode', 'ImageDecode', 'ArrayDecode', 'LoadAudioFeature',
    'ToTensor', 'ImageToTensor', 'Transpose', 'LoadImageFromFile', 'Normalize'
])
# Where the methods that make a sample come from, if they only run the
# pipeline.
_PLAIN = frozenset([
    'mmengine.dataset.base_dataset', 'mmaction.datasets.base',
    'mmaction.datasets.video_dataset', 'mmaction.datasets.rawframe_dataset',
    'mmaction.datasets.audio_dataset'
])
_TRANSFORM = ('__call__', 'transform')
_ITEM = ('__getitem__', '__getitems__', 'prepare_data', 'get_data_info')
_WRAPPERS = (RepeatDataset, ClassBalancedDataset, Subset)
_CONCATENATIONS = (ConcatDataset, TorchConcatDataset)
AMBIGUOUS = 'sample_idx does not tell the samples of {} apart'


def is_deterministic(transforms: Sequence[Callable]) -> bool:
    """Tell whether no transform of a pipeline draws random numbers.

    True only if that is certain: a transform says so itself with an
    attribute ``deterministic`` (bool); without one, only known transforms of
    MMAction2 and MMCV count as drawing nothing. What a class inherits no
    longer holds where it replaces ``__call__`` or ``transform``.
    """
    return not _random_ones(transforms)


def why_random(dataset: Any) -> Optional[str]:
    """Tell why an index need not give the same sample each time.

    A data set says so itself with an attribute ``deterministic`` (bool);
    what a class inherits no longer holds where it replaces ``__getitem__``,
    ``prepare_data`` or ``get_data_info``. MMEngine's wrappers are as their
    data sets are. Data sets of MMEngine and MMAction2 that only run their
    pipeline are as their transforms are.

    Args:
        dataset (Dataset): Any.

    Returns:
        str | None: The reason, or None if an index certainly gives the same
        sample each time.
    """
    name = type(dataset).__name__
    declared = _declared(dataset, _ITEM)
    if declared:
        return None
    if type(dataset) in _WRAPPERS:
        return why_random(dataset.dataset)
    if type(dataset) in _CONCATENATIONS:
        return next(filter(None, map(why_random, dataset.datasets)), None)
    transforms = getattr(
        getattr(dataset, 'pipeline', None), 'transforms', None)
    if transforms is not None:
        random = _random_ones(transforms)
        if random:
            return (f"{', '.join(random)} in the pipeline of {name} may draw "
                    'random numbers; a transform that draws none says so '
                    'with an attribute deterministic=True')
        plain = {getattr(type(dataset), m).__module__ for m in _ITEM
                 if hasattr(type(dataset), m)} <= _PLAIN
        if plain and declared is None:
            return None
    if declared is False:
        return f'{name} says that its samples are random'
    return (f'it is not known whether {name} always gives the same sample; '
            'if it does, give it an attribute deterministic=True')


def source_of(dataset: Any) -> Any:
    """The data set whose positions ``sample_idx`` of the samples are.

    That which MMEngine's wrappers wrap. A concatenation is its own, as its
    parts number their samples each for itself.
    """
    while type(dataset) in _WRAPPERS:
        dataset = dataset.dataset
    return dataset


def why_unnamed(dataset: Any) -> Optional[str]:
    """Why samples cannot be told apart by ``sample_idx``, seen at the ends.

    None where they carry their positions in the data set, which is one of
    :func:`source_of`.
    """
    for index in (0, len(dataset) - 1):
        sample = dataset[index]['data_samples']
        if 'sample_idx' not in sample:
            return ('samples carry no sample_idx; add it to meta_keys of the '
                    'packing transform')
        if sample.sample_idx != index:
            return AMBIGUOUS.format(type(dataset).__name__)
    return None


def _random_ones(transforms: Sequence[Callable]) -> List[str]:
    """Names of the transforms that may draw random numbers."""
    random = []
    for transform in transforms:
        declared = _declared(transform, _TRANSFORM)
        if not (_is_known(transform) if declared is None else declared):
            random.append(
                getattr(transform, '__name__', type(transform).__name__))
    return random


def _declared(thing: Any, methods: Sequence[str]) -> Optional[bool]:
    """What a thing says of itself; None where its class was not asked.

    Looked up in the classes, as a wrapper may forward attributes. A class of
    another package that replaces a method is not bound by what it inherits.
    """
    if 'deterministic' in getattr(thing, '__dict__', {}):
        return bool(thing.deterministic)
    for kind in type(thing).__mro__:
        if 'deterministic' in vars(kind):
            return bool(thing.deterministic)
        if _package(kind) != 'mmbalance_plugin' and any(
                method in vars(kind) for method in methods):
            return None
    return None


def _is_known(transform: Callable) -> bool:
    """Whether one of MMAction2 or MMCV draws nothing as it is set up."""
    kind = type(transform).__name__
    if _package(type(transform)) not in ('mmaction', 'mmcv'):
        return False
    if kind == 'SampleFrames':
        # Takes what lies in the middle then.
        return bool(getattr(transform, 'test_mode', False)
                    and not getattr(transform, 'temporal_jitter', True))
    return kind in _DRAWS_NOTHING


def _package(kind: type) -> str:
    return kind.__module__.partition('.')[0]
