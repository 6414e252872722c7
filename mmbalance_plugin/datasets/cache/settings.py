"""Settings of transforms in a form that is the same for the same settings."""
import hashlib
import inspect
import sys
from functools import cache
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np
import torch

from ..prepare.packages import sha256_file

_PACKAGES = ('mmaction2', 'torchaudio')


def canonical(value: Any, where: str) -> Any:
    """A value as json can hold it, equal for equal values.

    The order of a dict's keys does not count, nor whether a sequence is a
    list or a tuple: a config that was written and read again is the same.

    Args:
        value (Any): Numbers, strings, None, sequences, sets and dicts of
            these, arrays, tensors, paths, and classes and functions that can
            be imported by name.
        where (str): What the value is, for the error.

    Raises:
        TypeError: The value cannot be told from another of its kind in the
            next run, e.g. an object or a lambda.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dict):
        # Keys need not be strings.
        pairs = [[canonical(k, f'a key of {where}'),
                  canonical(v, f'{where}.{k}')] for k, v in value.items()]
        return dict(dict=sorted(pairs, key=repr))
    if isinstance(value, (list, tuple)):
        return [canonical(v, f'{where}[{i}]') for i, v in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return dict(set=sorted((canonical(v, where) for v in value),
                               key=repr))
    if isinstance(value, (np.ndarray, torch.Tensor)):
        array = np.asarray(value, order='C')
        if not array.dtype.hasobject:
            return dict(array=[array.dtype.str, list(array.shape),
                               hashlib.sha256(array.tobytes()).hexdigest()])
    if _importable(value):
        return dict(name=f'{value.__module__}.{value.__qualname__}')
    raise _unrecognisable(where, value)


def _unrecognisable(where: str, value: Any) -> TypeError:
    return TypeError(
        f'{where} is {value!r}, which cannot be recognised in the next run: '
        'nothing cached with it would be found again, or what was cached '
        'with another. Give it by its settings: dict(type=...) of a '
        'registered transform, numbers, strings, or a function that can be '
        'imported')


def _importable(value: Any) -> bool:
    """Whether a class or function is found by its name."""
    found = sys.modules.get(getattr(value, '__module__', None))
    for part in getattr(value, '__qualname__', '').split('.'):
        found = getattr(found, part, None)
    return found is value


def describe(configs: Sequence[dict],
             built: Sequence[Callable]) -> List[list]:
    """Transforms as class, its module's code, and all arguments.

    Args:
        configs (Sequence[dict]): What the transforms were built from.
        built (Sequence[Callable]): The transforms.

    Returns:
        list: For json.

    Raises:
        TypeError: A transform was given as an object, or one of its
            arguments cannot be recognised in the next run.
    """
    described = []
    for number, (config, transform) in enumerate(zip(configs, built)):
        where = f'transforms[{number}]'
        if not isinstance(config, dict):
            raise _unrecognisable(where, config)
        # The name in the config may mean another class in another scope.
        kind = type(transform)
        given = {k: v for k, v in config.items() if k != 'type'}
        described.append([
            f'{kind.__module__}.{kind.__qualname__}',
            _code_of(kind),
            canonical({**_defaults(kind, given), **given}, where)
        ])
    return described


def _code_of(kind: type) -> Optional[str]:
    """Hash of the file that defines a class, if it is known."""
    try:
        path = inspect.getsourcefile(kind)
        return path and _hash(path)
    except (TypeError, OSError):
        return None


@cache
def _hash(*paths: str) -> str:
    """Of files, as they were when this process first asked."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(sha256_file(path).encode())
    return digest.hexdigest()[:16]


def _defaults(kind: type, given: dict) -> Dict[str, Any]:
    """Default values of the arguments that were not given."""
    try:
        parameters = inspect.signature(kind).parameters
    except (TypeError, ValueError):
        return {}
    found = {}
    for name, parameter in parameters.items():
        if name in given or parameter.default is parameter.empty:
            continue
        try:
            canonical(parameter.default, name)
        except TypeError:
            continue  # the same for all who do not give it
        found[name] = parameter.default
    return found


@cache
def versions() -> Dict[str, str]:
    """Versions of everything that decodes, resizes or transforms.

    Local parts are left out: a build for another device computes the same.
    What decodes here counts by its code.
    """
    import av
    import cv2
    import mmcv

    from mmbalance_plugin import __version__, media
    own = sorted(map(str, Path(media.__file__).parent.glob('*.py')))
    found = dict(
        mmbalance_plugin=f'{__version__}, media {_hash(*own)}',
        av=av.__version__,
        cv2=cv2.__version__,
        mmcv=mmcv.__version__,
        torch=torch.__version__.partition('+')[0])
    for name, parts in sorted(av.library_versions.items()):
        found[name] = '.'.join(map(str, parts))
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name).partition('+')[0]
        except metadata.PackageNotFoundError:
            found[name] = 'unknown'
    return found
