"""Annotation of clips with sound: csv, json or a list to checked rows."""
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from mmbalance_plugin.utils.text import TextError, number, read_rows, read_text

_FILES = ('path', 'video', 'audio')
_KNOWN = {*_FILES, 'label', 'start', 'end'}
# Names that a sample uses itself.
_TAKEN = {
    'filename', 'audio_path', 'missing', 'sample_idx', 'modality',
    'frame_index', 'masked_keys', 'media_readers'
}


class AnnotationError(ValueError):
    """A row that cannot be used; names the file, the line and the column."""


class Row(NamedTuple):
    """One clip of an annotation."""

    place: str  # file and line, for messages
    video: Optional[str]
    audio: Optional[str]
    label: Any  # as written
    start: Optional[float]  # in seconds
    end: Optional[float]
    extra: Dict[str, Any]  # the columns that mean nothing to the data set


def read_annotation(path: str) -> Tuple[Iterator[Row], Optional[List[str]]]:
    """Read and check an annotation file.

    Args:
        path (str): A ``.csv`` or ``.json`` file in UTF-8, or a ``.txt`` as
            MMAction2's ``VideoDataset`` reads it: a file and its class
            numbers in each line.

    Returns:
        tuple: The rows one by one, so that a long list of them never stands
        in memory, and the class names that a json file gives or None.

    Raises:
        AnnotationError: The file is wrong, or a row that is asked for.
    """
    file = Path(path)
    # A broken link may be one to what git-annex has not fetched.
    if not file.is_file() and not file.is_symlink():
        raise AnnotationError(f'{path}: no such annotation file')
    suffix = file.suffix.lower()
    if suffix not in ('.csv', '.json', '.txt'):
        raise AnnotationError(f'{path}: an annotation is a .csv or a .json '
                              "file, or a .txt, MMAction2's list")
    try:
        text = read_text(file)
    except TextError as error:
        raise AnnotationError(str(error)) from None
    if suffix == '.csv':
        return _rows(path, _csv_records(path, text)), None
    if suffix == '.txt':
        return _rows(path, _listed(path, text)), None
    content, names = _json_content(path, text)
    records = ((f'{path}, entry {index}', record)
               for index, record in enumerate(content))
    return _rows(path, records), names


def _rows(path: str, records: Iterator[Tuple[str, Any]]) -> Iterator[Row]:
    empty = True
    try:
        for place, record in records:
            empty = False
            yield _row(place, record)
    except TextError as error:
        raise AnnotationError(str(error)) from None
    if empty:
        raise AnnotationError(f'{path}: lists no clip')


def _csv_records(path: str, text: str) -> Iterator[Tuple[str, dict]]:
    header = None
    for line, cells in read_rows(path, text):
        place = f'{path}, line {line}'
        if header is None:
            header = _header(place, cells)
            continue
        if len(cells) != len(header):
            raise AnnotationError(
                f'{place}: has {len(cells)} columns, the first line names '
                f'{len(header)} ({", ".join(header)}); a name with a comma '
                'needs quotes')
        yield place, dict(zip(header, cells))


def _listed(path: str, text: str) -> Iterator[Tuple[str, dict]]:
    for count, line in enumerate(text.split('\n'), 1):
        name, *labels = line.split() or ('', )
        if name:
            yield f'{path}, line {count}', dict(
                path=name, label=';'.join(labels))


def _header(place: str, header: List[str]) -> List[str]:
    for name in header:
        if header.count(name) > 1:
            raise AnnotationError(f'{place}: column "{name}" appears twice')
    if 'label' not in header or not set(header) & set(_FILES):
        raise AnnotationError(
            f'{place}: must name the columns, at least "label" and "path" '
            '(or "video" and "audio"), separated by commas; it reads: '
            + ', '.join(header))
    return header


def _json_content(path: str, text: str) -> Tuple[list, Optional[List[str]]]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f'{path}, line {error.lineno}: {error.msg}') from None
    names = None
    if isinstance(content, dict):
        names = content.get('metainfo')
        if isinstance(names, dict):
            names = names.get('classes')
        if names is not None and not isinstance(names, list):
            raise AnnotationError(
                f'{path}: "metainfo" must be an object with a list of class '
                'names under "classes"')
        content = content.get('data_list')
    if not isinstance(content, list):
        raise AnnotationError(
            f'{path}: must hold a list of clips, or an object with one under '
            '"data_list"')
    return content, names


def _row(place: str, record: Any) -> Row:
    if not isinstance(record, dict):
        raise AnnotationError(f'{place}: must be an object')
    files = {name: _text(place, record, name) for name in _FILES}
    if files['path'] and (files['video'] or files['audio']):
        raise AnnotationError(
            f'{place}: give either "path" or "video" and "audio"')
    video = files['path'] or files['video']
    audio = files['path'] or files['audio']
    if not video and not audio:
        used = [name for name in _FILES if name in record] or ['path']
        raise AnnotationError(f'{place}, column "{used[0]}": names no file')
    start = _seconds(place, record, 'start')
    end = _seconds(place, record, 'end')
    if end is not None and end <= (start or 0):
        raise AnnotationError(
            f'{place}, column "end": {end:g} s is not after the start at '
            f'{start or 0:g} s')
    extra = {k: v for k, v in record.items() if k not in _KNOWN}
    taken = _TAKEN.intersection(extra)
    if taken:
        raise AnnotationError(
            f'{place}: column "{sorted(taken)[0]}" has a name that samples '
            'use themselves; rename it')
    if 'label' not in record:
        raise AnnotationError(f'{place}, column "label": is missing')
    return Row(place, video, audio, record['label'], start, end, extra)


def _text(place: str, record: dict, column: str) -> Optional[str]:
    value = record.get(column)
    if value is None or value == '':
        return None
    if not isinstance(value, str) or '\0' in value:
        raise AnnotationError(
            f'{place}, column "{column}": {value!r} is not a file name')
    return value


def _seconds(place: str, record: dict, column: str) -> Optional[float]:
    value = record.get(column)
    if value is None or value == '':
        return None
    try:
        seconds = number(value)
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        raise AnnotationError(
            f'{place}, column "{column}": {value!r} is not a number of '
            'seconds')
    return seconds
