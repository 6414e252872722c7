"""Annotation of clips with sound: csv or json to checked rows."""
import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from mmbalance_plugin.utils import text as texts

_FILES = ('path', 'video', 'audio')
_KNOWN = _FILES + ('label', 'start', 'end')
# Names that a sample uses itself.
_TAKEN = {
    'filename', 'audio_path', 'missing', 'sample_idx', 'modality',
    'frame_index', 'masked_keys', 'media_readers'
}


class AnnotationError(ValueError):
    """A row that cannot be used; names the file, the line and the column."""


@dataclass
class Row:
    """One clip of an annotation.

    Attributes:
        place (str): ``file, line n`` for messages.
        video (str, optional): File with the picture.
        audio (str, optional): File with the sound.
        label (Any): As written.
        start (float, optional): Seconds.
        end (float, optional): Seconds.
        extra (dict): The columns that mean nothing to the dataset.
    """
    place: str
    video: Optional[str]
    audio: Optional[str]
    label: Any
    start: Optional[float] = None
    end: Optional[float] = None
    extra: Dict[str, Any] = field(default_factory=dict)


def read_annotation(path: str) -> Tuple[List[Row], Optional[List[str]]]:
    """Read and check an annotation file.

    Args:
        path (str): A ``.csv`` or ``.json`` file in UTF-8.

    Returns:
        tuple: The rows, and the class names that a json file gives or None.

    Raises:
        AnnotationError: The file or a row is wrong.
    """
    file = Path(path)
    # A broken link may be one to what git-annex has not fetched.
    if not file.is_file() and not file.is_symlink():
        raise AnnotationError(f'{path}: no such annotation file')
    suffix = file.suffix.lower()
    if suffix not in ('.csv', '.json'):
        raise AnnotationError(
            f'{path}: an annotation is a .csv or a .json file')
    try:
        text = texts.read_text(file)
    except texts.TextError as error:
        raise AnnotationError(str(error)) from None
    names = None
    if suffix == '.csv':
        records = _csv_records(path, text)
    else:
        records, names = _json_records(path, text)
    rows = [_row(place, record) for place, record in records]
    if not rows:
        raise AnnotationError(f'{path}: lists no clip')
    return rows, names


def _csv_records(path: str, text: str) -> Iterator[Tuple[str, dict]]:
    reader = csv.reader(
        io.StringIO(text, newline=''), strict=True, skipinitialspace=True)
    header = None
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise AnnotationError(
                f'{path}, line {reader.line_num}: {error}') from None
        if cells is None:
            return
        place = f'{path}, line {reader.line_num}'
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(place, cells)
            continue
        if len(cells) != len(header):
            raise AnnotationError(
                f'{place}: has {len(cells)} columns, the first line names '
                f'{len(header)} ({", ".join(header)}); a name with a comma '
                'needs quotes')
        yield place, dict(zip(header, (cell.strip() for cell in cells)))


def _header(place: str, cells: Sequence[str]) -> List[str]:
    header = [cell.strip() for cell in cells]
    for name in header:
        if header.count(name) > 1:
            raise AnnotationError(f'{place}: column "{name}" appears twice')
    if 'label' not in header or not set(header) & set(_FILES):
        raise AnnotationError(
            f'{place}: must name the columns, at least "label" and "path" '
            '(or "video" and "audio"), separated by commas; it reads: '
            + ', '.join(header))
    return header


def _json_records(path: str, text: str):
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f'{path}, line {error.lineno}: {error.msg}') from None
    names = None
    if isinstance(content, dict):
        names = _json_names(path, content.get('metainfo'))
        content = content.get('data_list')
    if not isinstance(content, list):
        raise AnnotationError(
            f'{path}: must hold a list of clips, or an object with one under '
            '"data_list"')
    records = []
    for number, record in enumerate(content):
        place = f'{path}, entry {number}'
        if not isinstance(record, dict):
            raise AnnotationError(f'{place}: must be an object')
        records.append((place, record))
    return records, names


def _json_names(path: str, metainfo: Any) -> Optional[List[str]]:
    if metainfo is None:
        return None
    names = metainfo.get('classes') if isinstance(metainfo, dict) else metainfo
    if names is not None and not isinstance(names, list):
        raise AnnotationError(
            f'{path}: "metainfo" must be an object with a list of class '
            'names under "classes"')
    return names


def _row(place: str, record: dict) -> Row:
    files = {name: _text(place, record, name) for name in _FILES}
    if files['path'] and (files['video'] or files['audio']):
        raise AnnotationError(
            f'{place}: give either "path" or "video" and "audio"')
    video = files['path'] or files['video']
    audio = files['path'] or files['audio']
    if not video and not audio:
        used = [name for name in _FILES if name in record] or ['path']
        raise AnnotationError(
            f'{place}, column "{used[0]}": names no file')
    start = _seconds(place, record, 'start')
    end = _seconds(place, record, 'end')
    if end is not None and end <= (start or 0):
        raise AnnotationError(
            f'{place}, column "end": {end:g} s is not after the start at '
            f'{start or 0:g} s')
    extra = {k: v for k, v in record.items() if k not in _KNOWN}
    taken = _TAKEN & set(extra)
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
        seconds = texts.number(value)
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        raise AnnotationError(
            f'{place}, column "{column}": {value!r} is not a number of '
            'seconds')
    return seconds
