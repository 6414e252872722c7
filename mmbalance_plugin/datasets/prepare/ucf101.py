"""Preparation of UCF101: pictures and their optical flow."""
import os
import re
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .errors import PreparationError
from .media import MediaPreparer, Plan, PlannedClip
from .media_files import find_folder, index_files, read_lines
from .media_splits import shuffled

DATASET = 'ucf101'
CLIPS, CLASSES = 13320, 101
#: Groups (people and places filmed) of the training lists that validate.
VAL_GROUPS = 2

_NAME = re.compile(r'v_(?P<label>\w+)_g(?P<group>\d{2})_c\d{2}')
_PICTURES = ('.jpg', '.jpeg', '.png')


def plan(source: Path, flow: Optional[str] = None) -> Plan:
    """Plan the three official splits.

    Reads ``UCF-101/<class>/v_<class>_gNN_cNN.avi``, the lists in
    ``ucfTrainTestlist`` and flow pictures ``u/<clip>/frame000001.jpg`` and
    ``v/<clip>/...``, as the TV-L1 flow is distributed. Two groups of each
    training list validate: clips of a group show the same people and place,
    so that a random choice would leak.

    Args:
        source (Path): Folder that holds them.
        flow (str, optional): Folder of ``u`` and ``v``. Defaults to None:
            the source, or a folder in it.
    """
    videos = index_files(
        find_folder(source, ['UCF-101', 'UCF101'], 'clips (.avi)'),
        ('.avi', '.mp4'), source)
    lists = find_folder(source, ['ucfTrainTestlist', 'splits'],
                        'lists trainlist01.txt ...')
    splits = _splits(lists)
    folder = Path(flow) if flow else _flow_folder(source)
    clips, problems = [], []
    for name in sorted(set(videos) | set(splits)):
        match = _NAME.fullmatch(name)
        if match is None:
            problems.append((name, 'unknown: no name of a UCF101 clip'))
            continue
        columns, problem = _flow(folder, source, name)
        if problem:
            problems.append((name, problem))
            continue
        clips.append(
            PlannedClip(name, match['label'], dict(video=videos.get(name)),
                        splits.get(name, {}), columns))
    if len(clips) != CLIPS:
        problems.append((source.name, f'count: {len(clips)} clips, UCF101 '
                         f'has {CLIPS}'))
    classes = _classes(lists)
    strange = sorted({c.label for c in clips} - set(classes))
    if strange:
        raise PreparationError(f'{lists}/classInd.txt has no {strange[0]}')
    return Plan(clips, classes, dict(video=['video']), problems)


def _classes(lists: Path) -> List[str]:
    lines = read_lines(lists / 'classInd.txt')
    return [line.split()[-1] for line in lines]


def _splits(lists: Path) -> Dict[str, Dict[str, str]]:
    splits: Dict[str, Dict[str, str]] = {}
    for number in (1, 2, 3):
        for kind in ('train', 'test'):
            path = lists / f'{kind}list{number:02d}.txt'
            names = [Path(line.split()[0]).stem for line in read_lines(path)]
            groups = [m['group'] for m in map(_NAME.fullmatch, names) if m]
            val = set()
            if kind == 'train':
                val = set(shuffled(groups, DATASET)[:VAL_GROUPS])
            for name in names:
                match = _NAME.fullmatch(name)
                split = 'val' if match and match['group'] in val else kind
                splits.setdefault(name, {})[f'split{number}'] = split
    return splits


def _flow_folder(source: Path) -> Path:
    for folder in [source, *sorted(p for p in source.iterdir()
                                   if p.is_dir())]:
        if (folder / 'u').is_dir() and (folder / 'v').is_dir():
            return folder
    raise PreparationError(
        f'{source} has no folder with the flow pictures u/ and v/: pass it '
        'with --flow')


def _flow(folder: Path, source: Path,
          name: str) -> Tuple[dict, Optional[str]]:
    """Columns that say where a clip's flow is, or what is wrong with it."""
    columns, counts = {}, []
    for part in ('u', 'v'):
        path = folder / part / name
        if not path.is_dir():
            return {}, f'missing: no flow pictures in {part}/{name}'
        pictures = [entry.name for entry in os.scandir(path)
                    if entry.name.lower().endswith(_PICTURES)]
        counts.append(sorted(pictures))
        columns[f'flow_{part}'] = os.path.relpath(path, source)
    if counts[0] != counts[1] or not counts[0]:
        return {}, (f'broken: {len(counts[0])} flow pictures in u, '
                    f'{len(counts[1])} in v, or other names')
    columns['flow_frames'] = len(counts[0])
    return columns, None


PREPARER = MediaPreparer(DATASET, plan, ('flow', ))
