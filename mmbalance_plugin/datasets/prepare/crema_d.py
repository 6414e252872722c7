"""Preparation of CREMA-D: 7,442 acted clips of 91 actors, six emotions."""
import re
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from mmbalance_plugin.utils.text import read_rows

from .errors import PreparationError
from .media import MediaPreparer
from .media_files import FileIndex, find_folder
from .media_plan import Plan, PlannedClip
from .media_splits import carve, other_counts, shuffled

DATASET = 'crema_d'
CLIPS = 7442
ACTORS = tuple(range(1001, 1092))
PAPER = dict(train=6698, test=744)

#: Code in the file names -> class name, in the order of class numbers.
EMOTIONS = dict(
    NEU='neutral', HAP='happy', SAD='sad', FEA='fear', DIS='disgust',
    ANG='anger')

_NAME = re.compile(r'(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_'
                   r'(?P<emotion>[A-Z]{3})_(?P<level>[A-Z]{1,2})', re.ASCII)
_ORDER = shuffled(ACTORS, 'crema_d/fair')
#: Actor -> split of the fair protocol: nobody is heard or seen in two of
#: them. Decided by the numbers alone, not by the clips on disk; how many
#: are held out is a choice.
FAIR: Dict[int, str] = {
    **dict.fromkeys(_ORDER[:18], 'test'),
    **dict.fromkeys(_ORDER[18:28], 'val'),
    **dict.fromkeys(_ORDER[28:], 'train')
}


def parse_name(name: str) -> Optional[Tuple[int, str]]:
    """Actor and class of a clip's name, or None if it is no such name."""
    match = _NAME.fullmatch(name)
    if match is None or match['emotion'] not in EMOTIONS or int(
            match['actor']) not in FAIR:
        return None
    return int(match['actor']), EMOTIONS[match['emotion']]


def plan(source: Path, split_csv: Optional[List[str]] = None) -> Plan:
    """Plan the set from ``VideoFlash/*.flv`` and ``AudioWAV/*.wav``.

    Args:
        source (Path): The official repository's folder.
        split_csv (List[str], optional): ``train.csv`` and ``test.csv`` of
            the literature's random split, or their folder. Defaults to
            None: only the fair protocol.
    """
    videos = FileIndex(
        find_folder(source, ['VideoFlash'], 'clips (.flv)'), ('.flv', '.mp4'),
        source)
    sounds = FileIndex(
        find_folder(source, ['AudioWAV'], 'sound (.wav)'), ('.wav', ), source)
    paper = read_split_csv(split_csv) if split_csv else {}
    clips: List[PlannedClip] = []
    notes: List[Tuple[str, str]] = []
    problems = videos.problems + sounds.problems
    for name in sorted(set(videos.names) | set(sounds.names) | set(paper)):
        parsed = parse_name(name)
        if parsed is None:
            problems.append((name, 'unknown: no name of a CREMA-D clip'))
            continue
        actor, label = parsed
        splits = dict(fair=FAIR[actor])
        if name in paper:
            splits['paper'] = paper[name]
        files = dict(video=videos.find(name), audio=sounds.find(name))
        clips.append(
            PlannedClip(name, label, files, splits, dict(actor=actor)))
        notes += videos.notes(name, files['video'])
        notes += sounds.notes(name, files['audio'])
    if len(clips) != CLIPS:
        problems.append(
            (source.name, f'count: {len(clips)} clips, CREMA-D has {CLIPS}'))
    if paper:
        test = list(paper.values()).count('test')
        problems += other_counts('--split-csv', len(paper) - test, test,
                                 PAPER)
    return Plan(clips, list(EMOTIONS.values()),
                dict(video=['video'], audio=['audio']), problems, notes)


def read_split_csv(paths: List[str]) -> Dict[str, str]:
    """The literature's split, with validation carved from training.

    Args:
        paths (List[str]): ``train.csv`` and ``test.csv``, or their folder.
            A row is ``1001_DFA_ANG_XX,ANG``; a header is passed over.

    Returns:
        Dict[str, str]: Clip -> split.

    Raises:
        PreparationError: A file is absent, or a row cannot be read,
            contradicts itself, or is in both files.
    """
    if len(paths) == 1 and Path(paths[0]).is_dir():
        paths = [str(Path(paths[0], f'{s}.csv')) for s in ('train', 'test')]
    for path in paths:
        if not Path(path).exists():
            raise PreparationError(f'--split-csv: there is no {path}')
    if len(paths) != 2:
        raise PreparationError(
            '--split-csv takes train.csv and test.csv, or their folder')
    train, test = (_rows(Path(path)) for path in paths)
    both = sorted(set(train) & set(test))
    if both:
        raise PreparationError(
            f'--split-csv: {len(both)} clips are to train and to test on, '
            f'{both[0]} the first')
    return {**carve(train, .1, 'crema_d/paper'), **dict.fromkeys(test, 'test')}


def _rows(path: Path) -> Dict[str, str]:
    rows: Dict[str, str] = {}
    for number, cells in read_rows(path):
        parsed = parse_name(Path(cells[0]).stem)
        if number == 1 and parsed is None and not any(
                _NAME.search(cell) or cell in EMOTIONS for cell in cells):
            continue  # a header
        if parsed is None or len(cells) < 2 or EMOTIONS.get(
                cells[1]) != parsed[1]:
            raise PreparationError(
                f'{path}, line {number}: {",".join(cells)!r} is not a clip '
                'and its emotion, such as 1001_DFA_ANG_XX,ANG')
        rows[Path(cells[0]).stem] = parsed[1]
    return rows


PREPARER = MediaPreparer(DATASET, plan, ('split_csv', ))
