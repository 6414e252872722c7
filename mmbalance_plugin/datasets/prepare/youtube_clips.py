"""Clips of YouTube videos: rows of an annotation, and a plan of them."""
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Tuple

from .media_files import VIDEO, FileIndex
from .media_plan import Plan, PlannedClip


@dataclass(frozen=True)
class ClipRow:
    """A clip of an annotation, its times in seconds."""

    youtube_id: str
    start: int
    end: int
    label: str
    split: str  # train, val or test
    place: str  # file and line, for messages

    @property
    def names(self) -> Tuple[str, ...]:
        """What the file may be called, without suffix; Kinetics' name first,
        then that of VGGSound."""
        video, start, end = self.youtube_id, self.start, self.end
        return (f'{video}_{start:06d}_{end:06d}', f'{video}_{start:06d}',
                f'{video}_{start}_{end}',
                f'{video}_{start * 1000}_{end * 1000}', f'{video}_{start}',
                video)


Rows = Dict[str, ClipRow]


def add_rows(named: Iterable[Tuple[str, ClipRow]],
             known: Rows) -> List[Tuple[str, str]]:
    """Add rows to those known, the first of a clip counts.

    Returns:
        List[Tuple[str, str]]: Clips and what later rows say otherwise.
    """
    problems = []
    for name, row in named:
        first = known.setdefault(name, row)
        if (row.label, row.split) != (first.label, first.split):
            problems.append(
                (name, f'annotation: {row.label}, {row.split} in {row.place}, '
                 f'but {first.label}, {first.split} in {first.place}'))
    return problems


def labels_of(rows: Rows, split: str) -> Dict[str, str]:
    """Name -> label of the rows of a split."""
    return {name: row.label for name, row in rows.items()
            if row.split == split}


def plan_clips(source: Path, rows: Rows, protocols: Dict[str, Dict[str, str]],
               classes: Sequence[str],
               problems: List[Tuple[str, str]]) -> Plan:
    """Find the file of each row.

    Args:
        source (Path): Where they lie, in folders of any depth.
        rows (Dict[str, ClipRow]): Name -> row.
        protocols (Dict[str, Dict[str, str]]): Protocol -> name -> split.
        classes (Sequence[str]): Names in the order of their numbers.
        problems (List[Tuple[str, str]]): Those of the annotation.
    """
    files = FileIndex(source, VIDEO)
    clips, notes = [], []
    for name, row in sorted(rows.items()):
        path = files.find(*row.names)
        clips.append(
            PlannedClip(name, row.label, dict(path=path),
                        {p: splits[name] for p, splits in protocols.items()
                         if name in splits},
                        dict(youtube_id=row.youtube_id), row.end - row.start))
        notes += files.notes(name, path)
    return Plan(clips, classes, dict(path=['video', 'audio']),
                problems + files.problems, notes)
