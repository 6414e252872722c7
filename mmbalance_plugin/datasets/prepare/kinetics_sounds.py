"""Preparation of Kinetics-Sounds: the audible classes of Kinetics."""
import csv
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .errors import PreparationError
from .media import MediaPreparer, Plan, PlannedClip
from .media_files import VIDEO, index_files, read_lines
from .media_splits import carve

DATASET = 'kinetics_sounds'
#: Clips of the split that the imbalance papers use, published.
PUBLISHED = dict(train=14799, test=2597)

_INSTRUMENTS = ('accordion', 'bagpipes', 'bass guitar', 'clarinet', 'drums',
                'guitar', 'harmonica', 'keyboard', 'organ', 'piano',
                'saxophone', 'trombone', 'trumpet', 'violin', 'xylophone')
#: The classes that are left in the Kinetics that was released.
CLASSES_31: Tuple[str, ...] = tuple(
    sorted(('blowing nose', 'blowing out candles', 'bowling',
            'chopping wood', 'dribbling basketball', 'laughing',
            'mowing lawn', 'ripping paper', 'shoveling snow',
            'shuffling cards', 'singing', 'stomping grapes', 'tap dancing',
            'tapping guitar', 'tapping pen', 'tickling') + tuple(
                f'playing {name}' for name in _INSTRUMENTS)))
#: The first list, drawn from an early Kinetics; the other three of its
#: classes have no namesake in later releases.
CLASSES_34: Tuple[str, ...] = tuple(
    sorted(CLASSES_31 + ('fingerpicking', 'patting', 'typing')))
CLASSES = {31: CLASSES_31, 34: CLASSES_34}

#: Names in the early list -> names in the released Kinetics.
ALIASES = {
    'blowing out': 'blowing out candles',
    'dribbling ball': 'dribbling basketball',
    'mowing the lawn by pushing lawnmower': 'mowing lawn',
    'stomping': 'stomping grapes',
}
_SPLITS = {'train': 'train', 'val': 'test', 'validate': 'test',
           'validation': 'test', 'test': 'test'}
_COLUMNS = ('label', 'youtube_id', 'time_start', 'time_end')


def class_of(text: str) -> str:
    """The class that an annotation or a folder means."""
    name = text.strip().strip('"').lower().replace('_', ' ')
    return ALIASES.get(name, name)


def plan(source: Path,
         annotations: Optional[List[str]] = None,
         classes: int = 31) -> Plan:
    """Plan the set from Kinetics' annotation csv and mp4 files.

    Clips are called ``<youtube id>_<start>_<end>`` with six digits each,
    as Kinetics is distributed, or ``<youtube id>_<start>``, or
    ``<youtube id>``; they may lie in folders of any depth.

    Kinetics' validation clips are the test split; validation is carved from
    its training clips.

    Args:
        source (Path): Folder of the clips.
        annotations (List[str], optional): Csv files with the columns
            ``label,youtube_id,time_start,time_end,split``. Defaults to
            None: ``train.csv`` and ``val.csv`` (or ``validate.csv``), at the
            top of the source or in its ``annotations`` folder.
        classes (int): 31 or 34. Defaults to 31.
    """
    names = CLASSES[classes]
    rows: Dict[str, dict] = {}
    for path in find_annotations(source, annotations):
        for row in _rows(path, names):
            rows.setdefault(row['name'], row)
    train = {n: r['label'] for n, r in rows.items() if r['split'] == 'train'}
    val = set(carve(train, .1, DATASET))
    files = index_files(source, VIDEO)
    clips = []
    for name, row in sorted(rows.items()):
        split = 'val' if name in val else row['split']
        clips.append(
            PlannedClip(name, row['label'], dict(path=_find(files, row)),
                        dict(fair=split),
                        dict(youtube_id=row['youtube_id']),
                        row['seconds']))
    problems = [(label, 'class: no clip in the annotations')
                for label in names
                if label not in {row['label'] for row in rows.values()}]
    return Plan(clips, names, dict(path=['video', 'audio']), problems)


def find_annotations(source: Path,
                     given: Optional[List[str]]) -> List[Path]:
    """The csv files to read.

    Raises:
        PreparationError: There is none.
    """
    if given:
        return [Path(path) for path in given]
    for folder in (source, source / 'annotations'):
        found = [
            folder / f'{name}.csv'
            for name in ('train', 'val', 'validate', 'test')
        ]
        found = [path for path in found if path.is_file()]
        if found:
            return found
    raise PreparationError(
        f'{source} has no train.csv and val.csv, at its top or in '
        'annotations/: pass them with --annotations')


def _rows(path: Path, names: Tuple[str, ...]) -> List[dict]:
    reader = csv.DictReader(read_lines(path))
    absent = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
    if absent:
        raise PreparationError(
            f'{path}: has no column {", ".join(absent)}; needed are '
            f'{",".join(_COLUMNS)} and split')
    rows = []
    for row in reader:
        label = class_of(row['label'] or '')
        if label not in names:
            continue
        split = _SPLITS.get((row.get('split') or path.stem).lower())
        if split is None:
            raise PreparationError(
                f'{path}, line {reader.line_num}: split '
                f'{row.get("split")!r} is none of {sorted(_SPLITS)}')
        try:
            start, end = (int(float(row[c])) for c in _COLUMNS[2:])
        except (TypeError, ValueError):
            raise PreparationError(
                f'{path}, line {reader.line_num}: time_start and time_end '
                'must be seconds') from None
        rows.append(
            dict(
                name=f'{row["youtube_id"]}_{start:06d}_{end:06d}',
                short=f'{row["youtube_id"]}_{start:06d}',
                youtube_id=row['youtube_id'],
                label=label,
                split=split,
                seconds=end - start))
    return rows


def _find(files: Dict[str, str], row: dict) -> Optional[str]:
    for name in (row['name'], row['short'], row['youtube_id']):
        if name in files:
            return files[name]
    return None


PREPARER = MediaPreparer(DATASET, plan, ('annotations', 'classes'))
