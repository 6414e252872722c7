"""Preparation of UCF101: pictures and their optical flow."""
import os
import re
from pathlib import Path
from typing import Dict, Optional

from mmbalance_plugin.utils.files import portable
from mmbalance_plugin.utils.text import lines_of, read_text

from .errors import PreparationError
from .media import MediaPreparer
from .media_files import FileIndex, find_folder, subfolders
from .media_plan import PICTURES, Plan, PlannedClip, Verdict
from .media_splits import shuffled

DATASET = 'ucf101'
CLIPS, CLASSES = 13320, 101
#: Groups (people and places filmed) of the training lists that validate.
VAL_GROUPS = 2
#: Pictures of flow by which a clip may have too few or too many, and the
#: share of its frames, whichever is more. Decoders disagree on the number of
#: frames of some clips, and what is beyond belongs to another clip or is
#: cut off.
SPARE, SPARE_SHARE = 5, .05

_NAME = re.compile(
    r'v_(?P<label>\w+)_g(?P<group>\d{2})_c\d{2}', re.ASCII)
_NEEDS = dict(video=['video'], flow_u=PICTURES, flow_v=PICTURES)


def plan(source: Path, flow: Optional[str] = None) -> Plan:
    """Plan the three official splits, as docs/datasets/ucf101.md lays out.

    Args:
        source (Path): Folder that holds them.
        flow (str, optional): Folder of ``u`` and ``v``. Defaults to None:
            the source, or a folder in it.
    """
    videos = FileIndex(
        find_folder(source, ['UCF-101', 'UCF101'], 'clips (.avi)'),
        ('.avi', '.mp4'), source, fold=True)
    lists = find_folder(source, ['ucfTrainTestlist', 'splits'],
                        'lists trainlist01.txt ...')
    classes = [line.split()[-1]
               for line in lines_of(read_text(lists / 'classInd.txt'))]
    known = {name.lower(): name for name in classes}
    splits = _splits(lists)
    folder = Path(flow) if flow else _flow_folder(source)
    flows = {part: subfolders(folder / part) for part in ('u', 'v')}
    clips, problems = [], list(videos.problems)
    notes = []
    for key in sorted(set(videos.names) | set(splits)):
        video = videos.find(key)
        name = Path(video).stem if video else splits[key]['name']
        match = _NAME.fullmatch(name)
        if match is None:
            problems.append((name, 'unknown: no name of a UCF101 clip'))
            continue
        label = known.get(match['label'].lower())
        if label is None:
            raise PreparationError(
                f'{lists}/classInd.txt has no {match["label"]}')
        files = dict(video=video)
        for part, names in flows.items():
            files[f'flow_{part}'] = _below(
                folder / part / names[key], source) if key in names else None
        clips.append(
            PlannedClip(name, label, files,
                        splits.get(key, {}).get('splits', {})))
        notes += videos.notes(name, video)
    if len(clips) != CLIPS:
        problems.append((source.name, f'count: {len(clips)} clips, UCF101 '
                         f'has {CLIPS}'))
    return Plan(clips, classes, _NEEDS, problems, notes, relate_flow)


def relate_flow(clip: PlannedClip, files: Dict[str, dict]) -> Verdict:
    """Whether a clip and its two folders of flow belong together.

    There is flow between each two frames; some tools write a last picture
    more, so that both numbers are right.
    """
    video, u, v = (files[str(clip.files[column])] for column in _NEEDS)
    for key, what in (('pictures', '{} flow pictures'), ('names', '{}')):
        if u[key] != v[key]:
            return Verdict(f'broken: {what.format(u[key])} in u, {v[key]} '
                           'in v')
    sizes = [(facts.get('width'), facts.get('height')) for facts in (u, v)]
    if sizes[0] != sizes[1]:
        return Verdict('broken: flow of {} x {} in u, {} x {} in v'.format(
            *sizes[0], *sizes[1]))
    columns = dict(flow_frames=u['pictures'], flow_names=u['names'])
    frames = video.get('frames')
    if frames is None:  # only its header was read
        return Verdict(columns=columns)
    surplus = u['pictures'] - frames
    off = max(surplus, -1 - surplus)
    text = f'{u["pictures"]} flow pictures for {frames} frames'
    if off > max(SPARE, SPARE_SHARE * frames):
        return Verdict(f'count: {text}')
    return Verdict(note=text if off > 0 else None, columns=columns)


def _below(path: Path, source: Path) -> str:
    """Relative to the source where it lies in it, else absolute."""
    path = path.absolute()
    if source in path.parents:
        return portable(os.path.relpath(path, source))
    return str(path)


def _splits(lists: Path) -> Dict[str, dict]:
    """Name in lower case -> ``name`` and ``splits``, protocol by protocol."""
    found: Dict[str, dict] = {}
    for number in (1, 2, 3):
        for kind in ('train', 'test'):
            path = lists / f'{kind}list{number:02d}.txt'
            names = [Path(line.split()[0]).stem
                     for line in lines_of(read_text(path))]
            groups = [m['group'] for m in map(_NAME.fullmatch, names) if m]
            val = set()
            if kind == 'train':
                val = set(shuffled(groups, DATASET)[:VAL_GROUPS])
            for name in names:
                match = _NAME.fullmatch(name)
                split = 'val' if match and match['group'] in val else kind
                row = found.setdefault(
                    name.lower(), dict(name=name, splits={}))
                row['splits'][f'split{number}'] = split
    return found


def _flow_folder(source: Path) -> Path:
    for name in ['', *sorted(subfolders(source).values())]:
        folder = source / name
        if (folder / 'u').is_dir() and (folder / 'v').is_dir():
            return folder
    raise PreparationError(
        f'{source} has no folder with the flow pictures u/ and v/: pass it '
        'with --flow')


PREPARER = MediaPreparer(DATASET, plan, ('flow', ))
