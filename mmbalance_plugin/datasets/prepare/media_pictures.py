"""Checking a folder of numbered pictures as if it were one file."""
import hashlib
import os
import re
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from mmbalance_plugin.media import MediaError

from ..flow_pictures import decode_picture

SUFFIXES = ('.jpg', '.jpeg', '.png')
_NAME = re.compile(r'(?P<head>[ -~]*?)(?P<number>[0-9]+)(?P<tail>\.[A-Za-z]+)')
_SHOWN = 5  # pictures named in a report


def list_pictures(folder: Path) -> Dict[str, os.stat_result]:
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

    A folder's own time of change says nothing about a picture that was
    written over, so that the status of each picture goes into it.

    Args:
        pictures (Dict[str, os.stat_result]): See :func:`list_pictures`.

    Returns:
        dict: ``size`` in bytes, ``mtime_ns`` of the latest, and ``listing``,
        a hash of all names, sizes and times of change.
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
    names, problem = numbering(list(pictures))
    empty = [n for n, status in pictures.items() if status.st_size == 0]
    if problem is None and empty:
        problem = f'empty: {_some(empty)}'
    if problem is None:
        facts['names'] = names
        if check == 'decode':
            problem = _decode(folder, pictures, facts)
    if problem is not None:
        facts['problem'] = problem
    return facts


def numbering(names: List[str]) -> Tuple[Optional[str], Optional[str]]:
    """How pictures are numbered, from 1 and without a gap.

    Args:
        names (List[str]): Sorted names.

    Returns:
        Tuple[str | None, str | None]: A format such as
        ``'frame{:06d}.jpg'``, and what is wrong; one of them is None.
    """
    if not names:
        return None, 'empty: no pictures'
    matches = [_NAME.fullmatch(name) for name in names]
    kinds = [m and (m['head'], m['tail']) for m in matches]
    for name, kind in zip(names, kinds):
        if kind is None:
            return None, f'broken: {name} is not numbered'
        if kind != kinds[0]:
            return None, (f'broken: {names[0]} and {name} are not numbered '
                          'alike')
    numbers = sorted(int(m['number']) for m in matches)
    if numbers[0] == 0:
        return None, 'broken: pictures are numbered from 0, needed is from 1'
    width = min(len(m['number']) for m in matches)
    head, tail = (part.replace('{', '{{').replace('}', '}}')
                  for part in kinds[0])
    form = f'{head}{{:0{width}d}}{tail}'
    wanted = [form.format(i) for i in range(1, len(names) + 1)]
    if set(wanted) == set(names):
        return form, None
    there = set(numbers)
    gaps = [form.format(i) for i in range(1, numbers[-1]) if i not in there]
    if gaps:
        return None, f'missing: {_some(gaps)}'
    return None, f'broken: a number occurs twice or is not padded like {form}'


def _decode(folder: Path, pictures: Dict[str, os.stat_result],
            facts: dict) -> Optional[str]:
    """Read all pictures into the facts; returns what is wrong, or None."""
    digest, bad, shapes = hashlib.sha256(), [], {}
    for name in pictures:
        try:
            with open(folder / name, 'rb') as file:
                data = file.read()
        except OSError as error:
            return f'unreadable: {name}: {error.strerror}'
        digest.update(f'{name}\0{len(data)}\0'.encode())
        digest.update(data)
        try:
            shape = decode_picture(name, data).shape
        except MediaError as error:
            bad.append(f'{name} {error.reason}')
        else:
            shapes.setdefault(shape, name)
    if bad:
        return f'broken: {_some(bad)}'
    if len(shapes) > 1:
        return 'broken: ' + ', '.join(
            f'{name} is {width} x {height}'
            for (height, width), name in list(shapes.items())[:_SHOWN])
    [(facts['height'], facts['width'])] = shapes
    facts['sha256'] = digest.hexdigest()
    return None


def _some(names: List[str]) -> str:
    text = ', '.join(names[:_SHOWN])
    if len(names) > _SHOWN:
        text += f' and {len(names) - _SHOWN} more'
    return text
