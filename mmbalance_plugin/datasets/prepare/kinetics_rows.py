"""Annotation of Kinetics and of the literature's Kinetics-Sounds split."""
import json
import re
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

from mmbalance_plugin.utils.text import integer, read_rows, read_text

from .errors import PreparationError
from .youtube_clips import ClipRow

#: What the csv files must have; ``split`` may be in the file's name instead.
COLUMNS = ('label', 'youtube_id', 'time_start', 'time_end')
_SPLITS = {'train': 'train', 'training': 'train', 'val': 'val',
           'validate': 'val', 'validation': 'val', 'test': 'test',
           'testing': 'test'}
#: ``<id>_<start>_<end>`` with six digits each, or ``<id>_<start>``.
_CLIP = re.compile(
    r'(?P<id>[\w-]{11})_(?P<start>\d+)(_(?P<end>\d+))?', re.ASCII)
SECONDS = 10


def read_annotation(
        path: Path, classes: Tuple[str, ...],
        wanted: Callable[[str], bool]) -> Tuple[str, List[ClipRow]]:
    """Read a file of any of the forms in use, told by what is in it.

    * Kinetics' own csv, with a header such as
      ``label,youtube_id,time_start,time_end,split``;
    * rows ``<clip>,10,<number of the class>`` without a header, as in
      ``my_train.txt`` and ``my_test.txt`` of OGM-GE's code;
    * json with ``labels`` and ``database``, where each clip has a ``label``
      and a ``subset``, as ``KS_train_val.json`` in OPM's code.

    Args:
        path (Path): The file.
        classes (Tuple[str]): Names of the numbers in the second form.
        wanted (Callable): Whether a label is of interest; rows of others
            are passed over, unread.

    Returns:
        Tuple[str, List[ClipRow]]: ``'kinetics'`` or, of the last two
        forms, ``'split'``; and the rows.

    Raises:
        PreparationError: It cannot be read, or a row is wrong.
    """
    text = read_text(path)
    if text.lstrip().startswith('{'):
        return 'split', [row for row in _from_json(path, text)
                         if wanted(row.label)]
    rows = list(read_rows(path, text))
    if not rows:
        raise PreparationError(f'{path} lists no clip')
    if len(rows[0][1]) == 3 and _CLIP.fullmatch(rows[0][1][0]):
        return 'split', _from_numbers(path, rows, classes)
    return 'kinetics', _from_csv(path, rows, wanted)


def is_without_labels(path: Path) -> bool:
    """Whether a csv is Kinetics' list of test clips without classes."""
    header = next(read_rows(path), (0, []))[1]
    names = [cell.lower() for cell in header]
    return 'youtube_id' in names and 'label' not in names


def _from_csv(path: Path, rows: Sequence[Tuple[int, List[str]]],
              wanted: Callable[[str], bool]) -> List[ClipRow]:
    header = [cell.lower() for cell in rows[0][1]]
    absent = [name for name in COLUMNS if name not in header]
    if absent:
        raise PreparationError(
            f'{path}: has no column {", ".join(absent)}; needed are '
            f'{",".join(COLUMNS)} and split')
    found = []
    for number, cells in rows[1:]:
        place = f'{path}, line {number}'
        if len(cells) != len(header):
            raise PreparationError(
                f'{place}: has {len(cells)} columns, the first line names '
                f'{len(header)}')
        row = dict(zip(header, cells))
        if not wanted(row['label']):
            continue
        try:
            start, end = (integer(row[name]) for name in COLUMNS[2:])
        except ValueError:
            raise PreparationError(
                f'{place}: time_start and time_end must be whole '
                'seconds') from None
        split = _split(row['split'] if 'split' in row else path.stem, place,
                       'split' not in row)
        found.append(ClipRow(row['youtube_id'], start, end, row['label'],
                                 split, place))
    return found


def _from_numbers(path: Path, rows: Sequence[Tuple[int, List[str]]],
                  classes: Tuple[str, ...]) -> List[ClipRow]:
    split, found = _split(path.stem, str(path), True), []
    for number, cells in rows:
        place = f'{path}, line {number}'
        try:
            clip, _, label = cells
            found.append(_row(clip, classes[integer(label)], split, place))
        except (ValueError, IndexError):
            raise PreparationError(
                f'{place}: {",".join(cells)!r} is not a clip, its seconds '
                f'and a number of 0 to {len(classes) - 1}, such as '
                f'{rows[0][1][0]},10,4') from None
    return found


def _from_json(path: Path, text: str) -> List[ClipRow]:
    try:
        database = json.loads(text)['database']
        return [_row(clip, facts['label'], _SPLITS[facts['subset']],
                     f'{path}, {clip}') for clip, facts in database.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PreparationError(
            f'{path}: is not a json object with a "database" of clips, each '
            f'with "label" and "subset" ({error!r})') from None


def _row(clip: str, label: str, split: str, place: str) -> ClipRow:
    match = _CLIP.fullmatch(clip)
    if match is None:
        raise ValueError(clip)
    start = int(match['start'])
    end = int(match['end']) if match['end'] else start + SECONDS
    return ClipRow(match['id'], start, end, label, split, place)


def _split(text: str, place: str, from_name: bool) -> str:
    """The split that a cell, or the name of a file, means."""
    words = [text.lower()]
    if from_name:
        words = re.findall('[a-z]+', text.lower())
    found = {_SPLITS[word] for word in words if word in _SPLITS}
    if len(found) != 1:
        known = 'train, val (or validate) or test'
        raise PreparationError(
            f'{place}: ' + (f'call the file by its split: {known}'
                            if from_name else
                            f'split {text!r} is none of {known}'))
    return found.pop()
