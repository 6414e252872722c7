"""Preparation of VGGSound: sound events seen and heard, 309 classes."""
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from mmbalance_plugin.utils.text import integer, read_rows

from .errors import PreparationError
from .media import MediaPreparer
from .media_plan import Plan
from .media_splits import carve
from .youtube_clips import ClipRow, Rows, add_rows, labels_of, plan_clips

DATASET = 'vggsound'
CLASSES = 309
SECONDS = 10


def plan(source: Path, annotations: Optional[List[str]] = None) -> Plan:
    """Plan the set from ``vggsound.csv`` and its ten-second clips.

    Args:
        source (Path): Folder of the clips, called as
            :attr:`ClipRow.names` says.
        annotations (List[str], optional): The csv file; rows are
            ``youtube id,start,label,split`` without a header. Defaults to
            None: ``vggsound.csv`` in the source.
    """
    if annotations and len(annotations) > 1:
        raise PreparationError(
            f'{DATASET} has one annotation file, --annotations names '
            f'{len(annotations)}')
    path = Path(annotations[0]) if annotations else source / 'vggsound.csv'
    rows: Rows = {}
    problems = add_rows(_rows(path), rows)
    if not rows:
        raise PreparationError(f'{path} lists no clip')
    fair = {name: row.split for name, row in rows.items()}
    fair.update(carve(labels_of(rows, 'train'), .05, DATASET))
    classes = sorted({row.label for row in rows.values()})
    if len(classes) != CLASSES:
        problems.append((path.name, f'count: {len(classes)} classes, '
                         f'VGGSound has {CLASSES}'))
    return plan_clips(source, rows, dict(fair=fair), classes, problems)


def _rows(path: Path) -> Iterator[Tuple[str, ClipRow]]:
    """The rows by their clips' names."""
    header = True  # until a row is one, or must have been
    for number, cells in read_rows(path):
        # Nothing in it looks like a start or a split.
        header = header and not any(
            cell.isdigit() or cell in ('train', 'test') for cell in cells)
        place = f'{path}, line {number}'
        try:
            video, start, label, split = cells
            row = ClipRow(video, integer(start), integer(start) + SECONDS,
                          label, split, place)
            if split not in ('train', 'test') or not video or not label:
                raise ValueError(split)
        except ValueError:
            if header:
                continue
            raise PreparationError(
                f'{place}: {",".join(cells)!r} is not "youtube '
                'id,start,label,train or test"') from None
        yield row.names[1], row


PREPARER = MediaPreparer(DATASET, plan, ('annotations', ))
