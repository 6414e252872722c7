"""Preparation of Kinetics-Sounds: the audible classes of Kinetics."""
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .errors import PreparationError
from .kinetics_rows import (
    KineticsRow,
    contradictions,
    is_without_labels,
    read_annotation,
    rows_by_split,
)
from .media import MediaPreparer, Plan, PlannedClip
from .media_files import VIDEO, FileIndex
from .media_splits import carve

DATASET = 'kinetics_sounds'
#: Clips of the split that the imbalance papers use, published; all of the
#: latter are test clips of Kinetics.
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
#: classes have no namesake in any release (of 400, 600 and 700 classes).
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

    Two protocols, each where the annotations are given that it needs:

    * ``'fair'``, from Kinetics' csv files: its validation clips are the
      test split, and validation is carved from its training clips. Its test
      clips, which were released without labels, have no part in it (unless
      there are no validation clips).
    * ``'paper'``, from the split files of the imbalance papers: trained and
      tested on as there; their validation clips validate, or, where they
      have none, a tenth of each class of the training clips.

    Args:
        source (Path): Folder of the clips.
        annotations (List[str], optional): Files of the forms that
            ``kinetics_rows.read_annotation`` reads. Defaults to None:
            ``train.csv`` and ``val.csv`` (or ``validate.csv``), at the
            top of the source or in its ``annotations`` folder.
        classes (int): 31 or 34. Defaults to 31.
    """
    names = CLASSES[classes]
    kinetics, paper, problems = _read(
        find_annotations(source, annotations), names)
    fair = _fair(kinetics)
    split = _paper(paper)
    if paper:
        problems += _count(paper)
    files = FileIndex(source, VIDEO)
    clips, notes, labels = [], [], set()
    for name in sorted(set(fair) | set(split)):
        row = kinetics.get(name) or paper[name]
        splits = dict(fair=fair.get(name), paper=split.get(name))
        path = files.find(*row.names)
        labels.add(class_of(row.label))
        clips.append(
            PlannedClip(name, class_of(row.label), dict(path=path),
                        {k: v for k, v in splits.items() if v},
                        dict(youtube_id=row.youtube_id),
                        row.end - row.start))
        notes += files.notes(name, path)
    problems += [(label, 'class: no clip in the annotations')
                 for label in names if label not in labels]
    return Plan(clips, names, dict(path=['video', 'audio']),
                problems + files.problems, notes)


def _read(paths: List[Path], names: Tuple[str, ...]):
    """Rows of Kinetics, rows of a split, and what contradicts itself."""
    found: Dict[str, Dict[str, KineticsRow]] = dict(kinetics={}, split={})
    problems: List[Tuple[str, str]] = []
    for path in paths:
        form, rows = read_annotation(
            path, CLASSES_31, lambda label: class_of(label) in names)
        problems += contradictions(rows, found[form], class_of)
    return found['kinetics'], found['split'], problems


def _fair(rows: Dict[str, KineticsRow]) -> Dict[str, str]:
    """Name -> split of Kinetics' own rows."""
    train, held = rows_by_split(rows, 'train'), rows_by_split(rows, 'val')
    splits = dict.fromkeys(train, 'train')
    splits.update(dict.fromkeys(_carve(train, DATASET), 'val'))
    splits.update(
        dict.fromkeys(held or rows_by_split(rows, 'test'), 'test'))
    return splits


def _paper(rows: Dict[str, KineticsRow]) -> Dict[str, str]:
    """Name -> split of the literature's rows, with validation."""
    splits = {name: row.split for name, row in rows.items()}
    if 'val' not in splits.values():
        train = rows_by_split(rows, 'train')
        splits.update(
            dict.fromkeys(_carve(train, f'{DATASET}/paper'), 'val'))
    return splits


def _carve(labels: Dict[str, str], salt: str) -> List[str]:
    return carve({n: class_of(label) for n, label in labels.items()}, .1,
                 salt)


def _count(rows: Dict[str, KineticsRow]) -> List[Tuple[str, str]]:
    counted = {s: len(rows_by_split(rows, s)) for s in PUBLISHED}
    if counted == PUBLISHED:
        return []
    return [('--annotations', 'count: {train} rows to train and {test} to '
             'test, '.format(**counted) + "the literature's split has "
             '{train} and {test}'.format(**PUBLISHED))]


def find_annotations(source: Path,
                     given: Optional[List[str]]) -> List[Path]:
    """The files to read.

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
        # Kinetics' test clips were released without labels first.
        if found and found[-1].stem == 'test' and is_without_labels(
                found[-1]):
            print(f'{found.pop()} has no labels and is passed over')
        if found:
            return found
    raise PreparationError(
        f'{source} has no train.csv and val.csv, at its top or in '
        'annotations/: pass them with --annotations')


PREPARER = MediaPreparer(DATASET, plan, ('annotations', 'classes'))
