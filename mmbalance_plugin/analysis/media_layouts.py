"""Folders laid out as the sets of clips are distributed, of any size."""
import csv
import itertools
import os
from pathlib import Path
from string import ascii_uppercase
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Sequence

from mmbalance_plugin.datasets.prepare.crema_d import (
    ACTORS,
    EMOTIONS,
    fair_split,
)


class Parts(NamedTuple):
    """The files that a clip consists of.

    Attributes:
        video (str): Picture, mostly with sound.
        audio (str, optional): The sound in a file of its own. Defaults to
            None.
        flow (str, optional): Folder with ``u/`` and ``v/``. Defaults to
            None.
    """
    video: str
    audio: Optional[str] = None
    flow: Optional[str] = None


def lay_out(dataset: str, root: str, clips: Sequence[Parts],
            count: int) -> None:
    """Lay out ``count`` clips of a set, all in its test split.

    Files are linked, not copied, and used again under other names where
    there are fewer than ``count``.

    Args:
        dataset (str): Name that ``tools/prepare_data.py`` knows.
        root (str): A new folder on the same disk.
        clips (Sequence[Parts]): What to link.
        count (int): How many clips the set should have.
    """
    turns = itertools.islice(itertools.cycle(clips), count)
    _LAYOUTS[dataset](Path(root), turns)


def _link(source: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def _table(path: Path, rows: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='') as file:
        csv.writer(file).writerows(rows)


def _crema_d(root: Path, clips: Iterator[Parts]) -> None:
    actors = [actor for actor in ACTORS if fair_split(actor) == 'test']
    sentences = itertools.product(ascii_uppercase, repeat=3)
    names = (f'{actor}_{"".join(sentence)}_{emotion}_XX' for
             sentence, emotion, actor in itertools.product(
                 sentences, EMOTIONS, actors))
    for name, clip in zip(names, clips):
        _link(clip.video, root / 'VideoFlash' / f'{name}.flv')
        _link(clip.audio, root / 'AudioWAV' / f'{name}.wav')


def _kinetics_sounds(root: Path, clips: Iterator[Parts]) -> None:
    rows = [['label', 'youtube_id', 'time_start', 'time_end', 'split']]
    for number, clip in enumerate(clips):
        name = f'{number:011d}'
        rows.append(['bowling', name, 0, 10, 'val'])
        _link(clip.video, root / 'val' / f'{name}_{0:06d}_{10:06d}.mp4')
    _table(root / 'val.csv', rows)


def _vggsound(root: Path, clips: Iterator[Parts]) -> None:
    rows = []
    for number, clip in enumerate(clips):
        name = f'{number:011d}'
        rows.append([name, 0, 'air horn', 'test'])
        _link(clip.video, root / 'video' / f'{name}_{0:06d}.mp4')
    _table(root / 'vggsound.csv', rows)


def _ucf101(root: Path, clips: Iterator[Parts]) -> None:
    names = []
    for number, clip in enumerate(clips):
        label, number = f'Class{number // 9000}', number % 9000
        name = f'v_{label}_g{number // 90 % 100:02d}_c{number % 90 + 1:02d}'
        names.append(f'{label}/{name}.avi')
        _link(clip.video, root / 'UCF-101' / names[-1])
        for picture in Path(clip.flow).glob('[uv]/*'):
            folder = root / 'tvl1_flow' / picture.parent.name / name
            _link(str(picture), folder / picture.name)
    lists = root / 'ucfTrainTestlist'
    lists.mkdir(parents=True)
    labels = sorted({name.split('/')[0] for name in names})
    (lists / 'classInd.txt').write_text(
        ''.join(f'{n} {label}\n' for n, label in enumerate(labels, 1)))
    for number in '123':
        (lists / f'trainlist0{number}.txt').write_text('')
        (lists / f'testlist0{number}.txt').write_text('\n'.join(names))


_LAYOUTS: Dict[str, Callable[[Path, Iterator[Parts]], None]] = dict(
    crema_d=_crema_d, kinetics_sounds=_kinetics_sounds, vggsound=_vggsound,
    ucf101=_ucf101)
