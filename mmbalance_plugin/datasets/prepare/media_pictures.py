"""Numbered pictures of flow: read one, check a folder of them as a file."""
import hashlib
import os
import re
from pathlib import Path
from typing import Dict, List, Tuple, Union

import cv2
import numpy as np

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.utils.pointers import pointer_content, pointer_file

SUFFIXES = ('.jpg', '.jpeg', '.png')
_NAME = re.compile(r'(?P<head>[ -~]*?)(?P<number>[0-9]+)(?P<tail>\.[A-Za-z]+)')
_SHOWN = 5  # pictures named in a report
#: Marks of a jpeg file: its start, that of a scan, and its end. None of
#: them occurs within a scan.
_JPEG, _SCAN, _END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'


def read_picture(path: Union[str, os.PathLike]) -> np.ndarray:
    """A jpeg or png file as shades of grey, uint8 of shape (H, W).

    Raises:
        MediaError: It cannot be read, or not be decoded completely.
    """
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except OSError as error:
        problem = pointer_file(path) or f'cannot be read: {error.strerror}'
        raise MediaError(str(path), problem) from error
    return decode_picture(path, data)


def decode_picture(path: Union[str, os.PathLike],
                   data: bytes) -> np.ndarray:
    """Decode a picture that has been read; see :func:`read_picture`."""
    if not data:
        raise MediaError(str(path), 'is empty (0 bytes)')
    problem = pointer_content(data)
    if problem is not None:
        raise MediaError(str(path), problem)
    # Some versions of the decoder fill up what is missing of a jpeg.
    if data.startswith(_JPEG) and data.rfind(_END) <= data.rfind(_SCAN):
        raise MediaError(str(path), 'is cut short')
    try:
        picture = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error as error:  # a damaged header
        raise MediaError(
            str(path), f'cannot be decoded: {error}') from error
    if picture is None:
        raise MediaError(str(path), 'is no picture')
    return picture


def list_pictures(folder: Union[str, Path]) -> Dict[str, os.stat_result]:
    """Name -> status of the pictures in a folder, sorted by name.

    Raises:
        OSError: It cannot be listed.
    """
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat()) for entry in entries
                 if entry.name.lower().endswith(SUFFIXES)
                 and not entry.name.startswith('.')]
    return dict(sorted(found))


def signature(pictures: Dict[str, os.stat_result]) -> dict:
    """What tells pictures from later ones without opening them.

    ``size`` in bytes, ``mtime_ns`` of the latest, and ``listing``, a hash of
    all names, sizes and times of change: a folder's own time says nothing
    about a picture that was written over.
    """
    digest = hashlib.sha256()
    for name, status in pictures.items():
        digest.update(f'{name}\0{status.st_size}\0{status.st_mtime_ns}\0'
                      .encode('utf-8', 'surrogateescape'))
    return dict(
        size=sum(s.st_size for s in pictures.values()),
        mtime_ns=max((s.st_mtime_ns for s in pictures.values()), default=0),
        listing=digest.hexdigest()[:32])


def inspect_pictures(folder: Path, check: str = 'decode') -> dict:
    """What a folder of pictures, numbered from 1, holds.

    Args:
        folder (Path): The folder.
        check (str): ``'decode'`` decodes every picture and hashes names and
            contents; ``'header'`` counts them. Defaults to ``'decode'``.

    Returns:
        dict: ``size``, ``mtime_ns``, ``listing``, ``check``, ``pictures``
        (how many) and, of a good folder, ``names`` (a format for their
        numbers) and with ``'decode'`` also ``width``, ``height`` and
        ``sha256``; of a bad one ``problem``.
    """
    try:
        pictures = list_pictures(folder)
    except OSError as error:
        # Of the folder, or of a picture in it.
        name = os.path.basename(str(error.filename))
        return dict(
            problem=f'unreadable: {name}: {error.strerror}', check=check)
    facts = dict(signature(pictures), check=check, pictures=len(pictures))
    try:
        names = numbering(list(pictures))
        empty = [n for n, status in pictures.items() if status.st_size == 0]
        if empty:
            raise PicturesError(f'empty: {_some(empty)}')
        facts['names'] = names
        if check == 'decode':
            facts.update(_decode(folder, list(pictures)))
    except PicturesError as error:
        facts['problem'] = str(error)
    return facts


class PicturesError(ValueError):
    """What is wrong with a folder of pictures, for a report."""


def numbering(names: List[str]) -> str:
    """How pictures are numbered: a format such as ``'frame{:06d}.jpg'``.

    Args:
        names (List[str]): Sorted names.

    Raises:
        PicturesError: They are not numbered from 1 and without a gap.
    """
    if not names:
        raise PicturesError('empty: no pictures')
    numbers, kind = [], None
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            raise PicturesError(f'broken: {name} is not numbered')
        numbers.append(match['number'])
        kind = kind or match.group('head', 'tail')
        if match.group('head', 'tail') != kind:
            raise PicturesError(
                f'broken: {names[0]} and {name} are not numbered alike')
    there = set(map(int, numbers))
    if 0 in there:
        raise PicturesError(
            'broken: pictures are numbered from 0, needed is from 1')
    width = min(map(len, numbers))
    head, tail = (part.replace('{', '{{').replace('}', '}}')
                  for part in kind or ())
    form = f'{head}{{:0{width}d}}{tail}'
    wanted = [form.format(i) for i in range(1, len(names) + 1)]
    if set(wanted) == set(names):
        return form
    gaps = [form.format(i) for i in range(1, max(there)) if i not in there]
    raise PicturesError(
        f'missing: {_some(gaps)}' if gaps else
        f'broken: a number occurs twice or is not padded like {form}')


def _decode(folder: Path, pictures: List[str]) -> dict:
    """Size of all pictures, and a hash of their names and contents."""
    digest, bad = hashlib.sha256(), []
    shapes: Dict[Tuple[int, ...], str] = {}
    for name in pictures:
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            raise PicturesError(
                f'unreadable: {name}: {error.strerror}') from error
        digest.update(f'{name}\0{len(data)}\0'.encode())
        digest.update(data)
        try:
            shape = decode_picture(name, data).shape
        except MediaError as error:
            bad.append(f'{name} {error.reason}')
        else:
            shapes.setdefault(shape, name)
    if bad:
        raise PicturesError(f'broken: {_some(bad)}')
    if len(shapes) > 1:
        raise PicturesError('broken: ' + ', '.join(
            f'{name} is {width} x {height}'
            for (height, width), name in list(shapes.items())[:_SHOWN]))
    [(height, width)] = shapes
    return dict(height=height, width=width, sha256=digest.hexdigest())


def _some(names: List[str]) -> str:
    text = ', '.join(names[:_SHOWN])
    if len(names) > _SHOWN:
        text += f' and {len(names) - _SHOWN} more'
    return text
