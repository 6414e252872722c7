"""Preparation of VGGSound: sound events seen and heard, 309 classes."""
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from mmbalance_plugin.utils.text import integer, read_rows

from .errors import PreparationError
from .media import MediaPreparer, Plan, PlannedClip
from .media_files import VIDEO, FileIndex
from .media_splits import carve

DATASET = 'vggsound'
CLASSES = 309
SECONDS = 10


def plan(source: Path, annotations: Optional[List[str]] = None) -> Plan:
    """Plan the set from ``vggsound.csv`` and its ten-second clips.

    Clips are called ``<youtube id>_<start>`` with six digits, as the
    authors' archive has them, ``<youtube id>_<start>_<end>`` in milliseconds
    or seconds, or ``<youtube id>``; they may lie in folders of any depth.

    Args:
        source (Path): Folder of the clips.
        annotations (List[str], optional): The csv file; rows are
            ``youtube id,start,label,split`` without a header. Defaults to
            None: ``vggsound.csv`` in the source.
    """
    if annotations and len(annotations) > 1:
        raise PreparationError(
            f'{DATASET} has one annotation file, --annotations names '
            f'{len(annotations)}')
    path = Path(annotations[0]) if annotations else source / 'vggsound.csv'
    rows, problems = _rows(path)
    train = {n: r['label'] for n, r in rows.items() if r['split'] == 'train'}
    val = set(carve(train, .05, DATASET))
    files = FileIndex(source, VIDEO)
    clips, notes = [], []
    for name, row in sorted(rows.items()):
        found = files.find(*_names(row['id'], row['start']))
        clips.append(
            PlannedClip(name, row['label'], dict(path=found),
                        dict(fair='val' if name in val else row['split']),
                        dict(youtube_id=row['id']), SECONDS))
        notes += files.notes(name, found)
    classes = sorted({row['label'] for row in rows.values()})
    if len(classes) != CLASSES:
        problems.append((path.name, f'count: {len(classes)} classes, '
                         f'VGGSound has {CLASSES}'))
    return Plan(clips, classes, dict(path=['video', 'audio']),
                problems + files.problems, notes)


def _rows(path: Path) -> Tuple[Dict[str, dict], List[Tuple[str, str]]]:
    """Name -> row, and rows that say otherwise than an earlier one."""
    rows: Dict[str, dict] = {}
    problems = []
    for number, cells in read_rows(path):
        try:
            video, start, label, split = cells
            row = dict(id=video, start=integer(start), label=label,
                       split=split)
            if split not in ('train', 'test') or not video or not label:
                raise ValueError(split)
        except ValueError:
            if not rows and _is_header(cells):
                continue
            raise PreparationError(
                f'{path}, line {number}: {",".join(cells)!r} is not "youtube '
                'id,start,label,train or test"') from None
        name = f'{video}_{row["start"]:06d}'
        first = rows.setdefault(name, row)
        if first != row:
            problems.append((name, f'annotation: {label}, {split} in line '
                             f'{number}, but {first["label"]}, '
                             f'{first["split"]} before'))
    if not rows:
        raise PreparationError(f'{path} lists no clip')
    return rows, problems


def _is_header(cells: List[str]) -> bool:
    """Whether nothing in a row looks like a start or a split."""
    return not any(cell.isdigit() or cell in ('train', 'test')
                   for cell in cells)


def _names(video: str, start: int) -> Tuple[str, ...]:
    """What a clip's file may be called, without suffix."""
    end = start + SECONDS
    return (f'{video}_{start:06d}', f'{video}_{start}_{end}',
            f'{video}_{start * 1000}_{end * 1000}',
            f'{video}_{start:06d}_{end:06d}', f'{video}_{start}', video)


PREPARER = MediaPreparer(DATASET, plan, ('annotations', ))
