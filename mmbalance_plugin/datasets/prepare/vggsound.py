"""Preparation of VGGSound: sound events seen and heard, 309 classes."""
import csv
from pathlib import Path
from typing import Dict, List, Optional

from .errors import PreparationError
from .media import MediaPreparer, Plan, PlannedClip
from .media_files import VIDEO, index_files, read_lines
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
    path = Path(annotations[0]) if annotations else source / 'vggsound.csv'
    rows = _rows(path)
    train = {n: r['label'] for n, r in rows.items() if r['split'] == 'train'}
    val = set(carve(train, .05, DATASET))
    files = index_files(source, VIDEO)
    clips = [
        PlannedClip(name, row['label'],
                    dict(path=_find(files, row['id'], row['start'])),
                    dict(fair='val' if name in val else row['split']),
                    dict(youtube_id=row['id']), SECONDS)
        for name, row in sorted(rows.items())
    ]
    classes = sorted({row['label'] for row in rows.values()})
    problems = []
    if len(classes) != CLASSES:
        problems.append((path.name, f'count: {len(classes)} classes, '
                         f'VGGSound has {CLASSES}'))
    return Plan(clips, classes, dict(path=['video', 'audio']), problems)


def _rows(path: Path) -> Dict[str, dict]:
    rows: Dict[str, dict] = {}
    for number, cells in enumerate(csv.reader(read_lines(path)), 1):
        try:
            video, start, label, split = (cell.strip() for cell in cells)
            start = int(float(start))
            if split not in ('train', 'test'):
                raise ValueError(split)
        except ValueError:
            if number == 1:
                continue
            raise PreparationError(
                f'{path}, line {number}: {cells} is not "youtube id,start,'
                'label,train or test"') from None
        rows[f'{video}_{start:06d}'] = dict(
            id=video, start=start, label=label, split=split)
    if not rows:
        raise PreparationError(f'{path} lists no clip')
    return rows


def _find(files: Dict[str, str], video: str, start: int) -> Optional[str]:
    end = start + SECONDS
    for name in (f'{video}_{start:06d}', f'{video}_{start}_{end}',
                 f'{video}_{start * 1000}_{end * 1000}',
                 f'{video}_{start:06d}_{end:06d}', video):
        if name in files:
            return files[name]
    return None


PREPARER = MediaPreparer(DATASET, plan, ('annotations', ))
