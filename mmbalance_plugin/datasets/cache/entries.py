"""An entry of a cache: one file with arrays and plain values.

A fixed prefix (magic, CRC-32 and length of the header), the header as json,
then the arrays as they lie in memory, each at a multiple of 64 bytes.
"""
import json
import mmap
import os
import struct
import zlib
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch

from .mapped import MappedArray

_PREFIX = struct.Struct('<8sII')
_MAGIC = b'mmbcache'
_ALIGNMENT = 64
#: Larger files are mapped into memory, so that of many frames only the drawn
#: ones are read. What is small, or read whole, is quicker without.
MAPPED_BYTES = 1 << 20
_PAGE = 4096
_PLAIN = (str, int, float, bool, type(None))


def kept_as_read(values: Dict[str, Any]) -> Dict[str, Any]:
    """Values of the types in which :func:`read_entry` gives them back.

    NumPy's numbers become Python's.

    Args:
        values (Dict[str, Any]): Arrays, tensors, numbers, strings, None and
            flat lists or tuples of these last three.

    Raises:
        TypeError: A value is of another type; names its key.
    """
    return {key: _kept(key, value) for key, value in values.items()}


def _kept(key: str, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        try:
            value.numpy()
        except TypeError as error:
            raise TypeError(
                f'"{key}" cannot be cached: NumPy has no {value.dtype}; '
                'convert it before, or leave it outside of the cache'
            ) from error
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject or value.dtype.names:
            raise TypeError(f'"{key}" cannot be cached: it is an array of '
                            f'{value.dtype}')
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) in (list, tuple):
        parts = [x.item() if isinstance(x, np.generic) else x for x in value]
        if all(isinstance(x, _PLAIN) for x in parts):
            return type(value)(parts)
    elif isinstance(value, _PLAIN):
        return value
    raise TypeError(
        f'"{key}" cannot be cached: it is a {type(value).__name__}; arrays, '
        'tensors, numbers, strings and flat lists of these last two can '
        '(FormatShape makes one array of frames)')


def encode_entry(key: str, values: Dict[str, Any]) -> List[Any]:
    """An entry as the pieces of its file, in order.

    Args:
        key (str): What the entry is found by.
        values (Dict[str, Any]): Of :func:`kept_as_read`.
    """
    arrays, plain, tuples, chunks, offset = {}, {}, [], [], 0
    for name, value in values.items():
        if isinstance(value, (np.ndarray, torch.Tensor)):
            tensor = isinstance(value, torch.Tensor)
            array = np.asarray(value)
            arrays[name] = [
                array.dtype.str, list(array.shape), offset, tensor]
            gap = -array.nbytes % _ALIGNMENT
            # As bytes: some types have no buffer, and scalars no length.
            chunks += [array.reshape(-1).view(np.uint8).data, bytes(gap)]
            offset += array.nbytes + gap
        else:
            plain[name] = value
            if isinstance(value, tuple):
                tuples.append(name)
    header = json.dumps(
        dict(key=key, bytes=offset, arrays=arrays, plain=plain,
             tuples=tuples)).encode()
    header += b' ' * (-(_PREFIX.size + len(header)) % _ALIGNMENT)
    prefix = _PREFIX.pack(_MAGIC, zlib.crc32(header), len(header))
    return [prefix, header, *chunks]


def read_entry(path: str, key: str) -> Optional[Dict[str, Any]]:
    """Values of an entry. Changes to them stay in this process.

    Args:
        path (str): Its file.
        key (str): What it was encoded with.

    Returns:
        Dict[str, Any] | None: None where there is none, or it is damaged or
        another one's. Damage to the arrays shows in the file's size only.
    """
    try:
        with open(path, 'rb', buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            mapped = size > MAPPED_BYTES
            # The header is read, not touched: see MappedArray.
            data = _read(file, min(size, _PAGE) if mapped else size)
            magic, check, length = _PREFIX.unpack_from(data)
            begin = _PREFIX.size + length
            if mapped and begin > len(data):
                data += _read(file, min(size, begin) - len(data))
            header = data[_PREFIX.size:begin]
            if magic != _MAGIC or zlib.crc32(header) != check:
                return None
            header = json.loads(header)
            if header['key'] != key or size != begin + header['bytes']:
                return None
            if mapped:
                data, mapped = _map(file, size)
        return _values(header, data, begin, mapped)
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None


def _read(file, size: int) -> bytearray:
    data = bytearray(size)
    if file.readinto(data) != size:
        raise OSError(f'{file.name} became shorter while it was read')
    return data


def _map(file, size: int) -> Tuple[Any, bool]:
    """A file's bytes and whether they are mapped."""
    try:
        data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
        return data, True
    except OSError:  # not every file system can
        file.seek(0)
        return _read(file, size), False


def _values(header: dict, data, begin: int, mapped: bool) -> Dict[str, Any]:
    values = header['plain']
    for name in header['tuples']:
        values[name] = tuple(values[name])
    for name, (kind, shape, offset, tensor) in header['arrays'].items():
        make = MappedArray if mapped and not tensor else np.ndarray
        array = make(shape, kind, data, begin + offset)
        values[name] = torch.from_numpy(array) if tensor else array
    return values
