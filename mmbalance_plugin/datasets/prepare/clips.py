"""Preparation of clips of one's own: a folder for each class, or a csv."""
import json
import os
import re
import warnings
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from mmbalance_plugin.datasets.av_annotation import (
    AnnotationError,
    Row,
    read_annotation,
)
from mmbalance_plugin.datasets.av_labels import read_names
from mmbalance_plugin.utils.text import integer

from .clips_settings import PRESETS, SETTINGS, describe, propose
from .errors import PreparationError
from .manifest import load_manifest, write_text
from .media import READING, MediaPreparer
from .media_files import VIDEO, FileIndex
from .media_plan import TOLERANCE, Plan, PlannedClip, Verdict
from .media_verify import known_files

DATASET = 'clips'
PROTOCOL = 'own'
SPLITS = ('train', 'val', 'test')
PICTURE = (*VIDEO, '.mpeg', '.wmv', '.3gp', '.ts', '.mts', '.ogv')
SOUND = ('.wav', '.flac', '.mp3', '.ogg', '.opus', '.m4a', '.aac')
_FOLDS = 5  # of which one tests and one validates
_Notes = List[Tuple[str, str]]


def plan(source: Path,
         annotations: Optional[List[str]] = None,
         group: Optional[str] = None,
         several_labels: bool = False) -> Plan:
    """Plan a set from ``[SPLIT/]CLASS/.../CLIP``, or from an annotation.

    Args:
        source (Path): Folder of the clips. ``classes.txt`` in it, if there,
            gives the order of the classes; else it is that of their names.
        annotations (List[str], optional): One file as
            ``AudioVisualDataset`` reads it, paths relative to the source. A
            column ``split`` (train, val or test) is obeyed. Defaults to
            None: the folders say classes and, if they are called so, splits.
        group (str, optional): What must not be in two splits: a column of
            the annotation, or a regular expression whose first group finds
            it in a clip's path. Defaults to None: a file.
        several_labels (bool): Whether ``;`` separates labels of a clip.
            Splits then have each set of labels alike. Defaults to False.

    Raises:
        PreparationError: There is nothing to plan, or a group in two splits.
    """
    notes: _Notes = []
    problems: _Notes = []
    names = source / 'classes.txt'
    if annotations and len(annotations) > 1:
        raise PreparationError('--annotations takes the one file that lists '
                               f'all clips, got {len(annotations)}')
    try:
        rows = (list(read_annotation(annotations[0])[0]) if annotations else
                _rows(source, problems, notes))
        classes = read_names(names) if names.is_file() else []
    except AnnotationError as error:
        raise PreparationError(str(error)) from error
    labels = [str(row.label or '').strip() for row in rows]
    parts = [[part.strip() for part in label.split(';')]
             if several_labels else [label] for label in labels]
    for row, several in zip(rows, parts):
        for label in several:
            if not label or (classes and label not in classes):
                raise PreparationError(
                    f'{row.place}: its label is empty' if not label else
                    f'{row.place}: {label} is not in {names}')
    groups = _groups(rows, group)
    splits = _splits(rows, labels, groups, notes if group is None else None)
    there = {(label, split) for several, split in zip(parts, splits)
             for label in several}
    known = list(chain.from_iterable(parts))
    for label in sorted(set(known)):
        for split in SPLITS:
            if (label, split) not in there:
                notes.append((label, f'class: no clip of it in {split}'))
    # One column where picture and sound lie in one file throughout.
    one = all(row.video == row.audio for row in rows)
    extra = dict.fromkeys(chain.from_iterable(row.extra for row in rows))
    extra.pop('split', None)
    clips: Dict[str, PlannedClip] = {}
    for row, label, member, split in zip(rows, labels, groups, splits):
        columns = {key: row.extra.get(key, '') for key in extra}
        columns.update(start=row.start, end=row.end)
        if group is not None and group not in extra:
            columns['group'] = member
        name = _file(row)
        if row.start is not None or row.end is not None:
            name += f' [{row.start or 0:g}, {row.end or ""}] s'
        if name in clips:
            problems.append((name, f'annotation: twice, again in {row.place}'))
        clips[name] = PlannedClip(
            name, label, dict(path=row.video) if one else dict(
                video=row.video, audio=row.audio), {PROTOCOL: split}, columns)
    needs: Dict[str, Sequence[str]] = (
        dict(path=['video', 'audio']) if one else dict(
            video=['video'], audio=['audio']))
    return Plan(list(clips.values()), classes or _in_order(known), needs,
                problems, notes, _fits)


def _file(row: Row) -> str:
    return str(row.video or row.audio)


def _in_order(labels: Sequence[str]) -> List[str]:
    """Class names sorted, as numbers where all of them are."""
    try:
        return sorted(set(labels), key=integer)
    except ValueError:
        return sorted(set(labels))


def _rows(source: Path, problems: _Notes, notes: _Notes) -> List[Row]:
    """What the folders say; sound of a clip's name beside it is its."""
    index = FileIndex(source, PICTURE + SOUND)
    problems += index.problems
    found: Dict[str, List[str]] = {}
    for path in sorted(chain(index.names.values(), *index.doubles.values())):
        found.setdefault(os.path.splitext(path)[0], []).append(path)
    if not found:
        raise PreparationError(f'{source} holds no clip: no file that ends '
                               f'with {", ".join(PICTURE)}')
    split_first = {name.split('/')[0] for name in found} <= set(SPLITS)
    rows = []
    for name, paths in found.items():
        folders = name.split('/')[:-1]
        extra = dict(split=folders.pop(0)) if split_first else {}
        if not folders:
            raise PreparationError(
                f'{paths[0]} lies in no folder of a class: make a folder for '
                'each, or list the clips in a csv file (--annotations)')
        files = [[p for p in paths if p.lower().endswith(kind)]
                 for kind in (PICTURE, SOUND)]
        notes += [(name, f'several files of that name: {p[0]} is used, not '
                   f'{", ".join(p[1:])}') for p in files if len(p) > 1]
        video, sound = (p[0] if p else None for p in files)
        rows.append(Row(paths[0], video, sound or video, folders[0], None,
                        None, extra))
    return rows


def _groups(rows: Sequence[Row], rule: Optional[str]) -> List[str]:
    """What each clip must share a split with."""
    if rule is None:
        return [_file(row) for row in rows]
    columns = dict.fromkeys(chain.from_iterable(row.extra for row in rows))
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise PreparationError(f'--group {rule}: {error}') from error
    if rule not in columns and not pattern.groups:
        raise PreparationError(
            f'--group {rule}: no such column (there are: '
            f'{", ".join(columns) or "none"}), and a rule has brackets around '
            r'what it looks for in the path, such as "(speaker\d+)_"')
    groups = []
    for row in rows:
        match = pattern.search(_file(row))
        member = (row.extra.get(rule) if rule in columns else
                  match and match[1])
        if not member:
            raise PreparationError(f'{row.place}: --group {rule} finds no '
                                   f'group of {_file(row)}')
        groups.append(str(member))
    return groups


def _splits(rows: Sequence[Row], labels: Sequence[str],
            groups: Sequence[str], notes: Optional[_Notes]) -> List[str]:
    """The splits that are given, or three fifths, one and one.

    A group in two given splits is an error, or noted where there is a list
    for that.
    """
    if not any('split' in row.extra for row in rows):
        return _drawn(labels, groups)
    splits: List[str] = []
    seen: Dict[str, str] = {}
    for row, member in zip(rows, groups):
        split = row.extra.get('split')
        if split not in SPLITS:
            raise PreparationError(f'{row.place}, column "split": {split!r} '
                                   f'is none of {", ".join(SPLITS)}')
        first = seen.setdefault(member, split)
        if first != split:
            if notes is None:
                raise PreparationError(f'{row.place}: {member} is in {split}, '
                                       f'and in {first} as well')
            notes.append((member, f'split: in {first} and in {split}'))
        splits.append(split)
    for split in SPLITS:
        if split not in splits:
            raise PreparationError(f'no clip is in {split}')
    return splits


def _drawn(labels: Sequence[str], groups: Sequence[str]) -> List[str]:
    from sklearn.model_selection import StratifiedGroupKFold
    most = min(len(set(groups)), max(Counter(labels).values()))
    if most < len(SPLITS):
        raise PreparationError(
            f'{len(set(groups))} groups and {most} clips of a class cannot be '
            'split in three: add clips, or say who is where in a column '
            '"split"')
    folds = StratifiedGroupKFold(
        min(_FOLDS, most), shuffle=True, random_state=0)
    splits = np.full(len(labels), 'train', object)
    with warnings.catch_warnings():
        # Of small classes; those that a split lacks are noted.
        warnings.simplefilter('ignore', UserWarning)
        for split, (_, part) in zip(('test', 'val'), folds.split(
                labels, labels, groups)):
            splits[part] = split
    return splits.tolist()


def _fits(clip: PlannedClip, files: Dict[str, dict]) -> Verdict:
    """Whether the annotated seconds lie within the clip's files."""
    lasts = min((files[name]['duration'] for name in clip.files.values()
                 if name and files[name].get('duration') is not None),
                default=np.inf)
    start, end = (float(str(clip.columns[key] or 0))
                  for key in ('start', 'end'))
    text = f'annotation: [{start:g}, {end:g}] s of a file of {lasts:g} s'
    if start >= lasts:
        return Verdict(text)
    return Verdict(note=text if end > lasts + TOLERANCE else None)


class ClipsPreparer(MediaPreparer):
    """Prepares clips, and proposes settings by what they are."""

    def prepare(  # type: ignore[override]
            self, out: Path, source: Optional[Path],
            preset: Optional[str] = None, **options) -> bool:
        """See :meth:`MediaPreparer.prepare`.

        Args:
            preset (str, optional): A key of ``PRESETS``, for settings that
                replace those that are there. Defaults to None: what is
                there stays, and is ``'full'`` the first time.
        """
        changed = super().prepare(out, source, **options)
        path = out / SETTINGS
        if 'shard' in options:
            return changed
        # Whatever is the user's to edit: training reads as preparation did.
        used = load_manifest(out, DATASET)['options']
        reading = {key: used.get(key, 0 if key == 'allow_damage' else False)
                   for key in READING}
        if preset is None and path.is_file():
            settings = json.loads(path.read_text(encoding='utf-8'))
            return write_text(path, _text({**settings, **reading})) or changed
        rows = list(read_annotation(str(out / PROTOCOL / 'train.csv'))[0])
        settings, seen = propose(rows, known_files(out))
        settings.update(PRESETS[preset or 'full'], **reading)
        print(describe(settings, seen, path))
        return write_text(path, _text(settings)) or changed


def _text(settings: dict) -> str:
    return json.dumps(settings, indent=1) + '\n'


PREPARER = ClipsPreparer(
    DATASET, plan,
    ('annotations', 'group', 'preset', 'several_labels', *READING))
