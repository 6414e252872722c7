"""Turn what surrounds the weights of a checkpoint into plain Python."""
import os
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any, Callable, Collection, Optional, Tuple

import numpy as np
import torch

_SCALARS: Tuple[Any, ...] = (bool, int, float, complex, str, bytes)
# Containers that safe loading knows by name, and keeps as they are.
_MAPPINGS = (dict, OrderedDict, Counter)
_KEPT = (torch.device, torch.dtype, torch.Size, bytearray, type(None))


def to_plain(value: Any,
             path: str = '',
             keep: Collection[type] = (),
             unknown: Optional[Callable[[str, Any], None]] = None,
             drop_callables: bool = False) -> Any:
    """Rebuild ``value`` from types that ``torch.load`` accepts safely.

    NumPy scalars and arrays become numbers and lists, mappings dicts, named
    tuples tuples, paths strings. Tensors come to the CPU, so that the file can
    be read on a machine without the device; those that are there stay the
    same objects. The input is not changed.

    Args:
        value (Any): Nested containers.
        path (str): Where ``value`` sits, for messages. Defaults to ''.
        keep (Collection[type]): Further types to leave alone. Defaults to
            ().
        unknown (Callable, optional): Called with the path and the object
            for whatever has no plain form; the object is kept. Defaults to
            None.
        drop_callables (bool): Leave functions out of mappings. Schedulers
            keep functions in their state which they build anew from the
            config. Defaults to False.

    Returns:
        Any: The plain copy.
    """

    def inner(item: Any, at: str) -> Any:
        return to_plain(item, at, keep, unknown, drop_callables)

    if type(value) in _SCALARS or type(value) in keep:
        return value
    if isinstance(value, torch.Tensor):
        return value if value.device.type == 'cpu' else value.detach().cpu()
    if isinstance(value, _KEPT):
        return value
    if isinstance(value, np.generic):
        return inner(value.item(), path)
    if isinstance(value, np.ndarray):
        return inner(value.tolist(), path)
    kind: Any = type(value)
    if isinstance(value, Mapping):
        items = {
            inner(k, path): inner(v, f'{path}.{k}')
            for k, v in value.items() if not (drop_callables and callable(v))
        }
        return kind(items) if kind in _MAPPINGS else items
    if isinstance(value, tuple):
        return tuple(inner(v, f'{path}[{i}]') for i, v in enumerate(value))
    if isinstance(value, (list, range)):
        return [inner(v, f'{path}[{i}]') for i, v in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return {inner(v, path) for v in value}
    for plain in _SCALARS:
        if isinstance(value, plain):  # a subclass: an enum, a string type
            return plain(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if unknown is not None:
        unknown(path, value)
    return value
