"""Preparation of Kinetics-Sounds: the audible classes of Kinetics."""
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .errors import PreparationError
from .kinetics_rows import is_without_labels, read_annotation
from .media import MediaPreparer
from .media_plan import Plan
from .media_splits import carve, other_counts
from .youtube_clips import Rows, add_rows, labels_of, plan_clips

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
    """Plan the protocols from annotations and clips.

    docs/datasets/kinetics_sounds.md describes them.

    Kinetics' test clips, which were released without labels, have no part in
    ``'fair'``, unless there are no validation clips.

    Args:
        source (Path): Folder of the clips, called as
            :attr:`ClipRow.names` says.
        annotations (List[str], optional): Files of the forms that
            ``kinetics_rows.read_annotation`` reads. Defaults to None:
            ``train.csv`` and ``val.csv`` (or ``validate.csv``), at the
            top of the source or in its ``annotations`` folder.
        classes (int): 31 or 34. Defaults to 31.
    """
    names = CLASSES[classes]
    found: Dict[str, Rows] = dict(kinetics={}, split={})
    problems: List[Tuple[str, str]] = []
    for path in find_annotations(source, annotations):
        form, rows = read_annotation(
            path, CLASSES_31, lambda label: class_of(label) in names)
        problems += add_rows(
            ((row.names[0], replace(row, label=class_of(row.label)))
             for row in rows), found[form])
    kinetics, literature = found['kinetics'], found['split']
    train, held = labels_of(kinetics, 'train'), labels_of(kinetics, 'val')
    fair = carve(train, .1, DATASET)
    fair.update(
        dict.fromkeys(held or labels_of(kinetics, 'test'), 'test'))
    paper = {name: row.split for name, row in literature.items()}
    train, held = labels_of(literature, 'train'), labels_of(literature, 'val')
    if not held:
        paper.update(carve(train, .1, f'{DATASET}/paper'))
    if paper:
        problems += other_counts(
            '--annotations', len(train), len(labels_of(literature, 'test')),
            PUBLISHED)
    used = {name: kinetics.get(name) or literature[name]
            for name in {**fair, **paper}}
    labels = {row.label for row in used.values()}
    problems += [(label, 'class: no clip in the annotations')
                 for label in names if label not in labels]
    return plan_clips(source, used, dict(fair=fair, paper=paper), names,
                      problems)


def find_annotations(source: Path,
                     given: Optional[List[str]]) -> List[Path]:
    """The files to read.

    Raises:
        PreparationError: There is none.
    """
    if given:
        return [Path(path) for path in given]
    for folder in (source, source / 'annotations'):
        names = ('train', 'val', 'validate', 'test')
        found = [path for name in names
                 if (path := folder / f'{name}.csv').is_file()]
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
