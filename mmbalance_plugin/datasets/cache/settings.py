"""Settings of transforms in a form that is the same for the same settings."""
import hashlib
import inspect
import json
import os
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np
import torch

from mmbalance_plugin.utils.files import sha256_file


def canonical(value: Any, where: str) -> Any:
    """A value as json has it, equal for equal values.

    Whether a sequence is a list or a tuple does not count: a config that was
    written and read again is the same.

    Args:
        value (Any): Numbers, strings, None, sequences and dicts of these,
            arrays, tensors and paths.
        where (str): What the value is, for the error.

    Raises:
        TypeError: The value cannot be told from another of its kind in the
            next run, e.g. an object or a function.
    """
    try:
        return json.loads(json.dumps(value, default=_plain, sort_keys=True))
    except TypeError as error:
        raise TypeError(
            f'{where} cannot be recognised in the next run ({error}): nothing '
            'cached with it would be found again. Give it by its settings: '
            'dict(type=...) of a registered transform, numbers, strings'
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f'it holds {value!r}')


def describe(configs: Sequence[dict],
             built: Sequence[Callable]) -> List[list]:
    """Transforms as class, its module's code, and arguments, for json.

    Args:
        configs (Sequence[dict]): What the transforms were built from.
        built (Sequence[Callable]): The transforms.

    Raises:
        TypeError: A transform was given as an object, or one of its
            arguments cannot be recognised in the next run.
    """
    described = []
    for number, (config, transform) in enumerate(zip(configs, built)):
        config = canonical(dict(config, type=None) if isinstance(
            config, dict) else config, f'transforms[{number}]')
        # The name in the config may mean another class in another scope.
        kind = type(transform)
        described.append([
            f'{kind.__module__}.{kind.__qualname__}', _code_of(kind), config])
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
        cv2=cv2.__version__,
        mmcv=mmcv.__version__)
    for name in ('av', 'mmaction2', 'torch', 'torchaudio'):
        found[name] = metadata.version(name).partition('+')[0]
    for name, parts in sorted(av.library_versions.items()):
        found[name] = '.'.join(map(str, parts))
    return found
