"""Clips a second: a pipeline, its cache, and a bare PyAV loop beside them."""
import csv
import os
import shutil
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Dict, List, NamedTuple, Optional, Sequence

from mmengine.config import Config
from mmengine.registry import init_default_scope

from media_bare_loop import BareLoop
from media_clips import Clip
from mmbalance_plugin.datasets.audio_visual_dataset import AudioVisualDataset
from mmbalance_plugin.datasets.cache import file_state
from mmbalance_plugin.media.index import forget_indices
from timing import Loop, Times, paired_ratios

#: Transforms of a shipped media config that decode; the rest works on what
#: they give.
_DECODING = 3


class Row(NamedTuple):
    """One row of the table.

    Attributes:
        loop (str): Name of the loop.
        reference (str): Name of the loop it is compared to.
        bound (float | None): What the ratio of clips a second should reach.
    """
    loop: str
    reference: str
    bound: Optional[float] = None


#: What is compared to what.
ROWS = (
    Row('bare PyAV loop', 'bare PyAV loop'),
    Row('pipeline', 'bare PyAV loop', .8),
    Row('pipeline with cache', 'pipeline', 10.),
    Row('only decoding', 'pipeline'),
    Row('only the cache', 'only decoding', 10.),
    Row('filling the cache', 'pipeline'),
)


class DatasetLoop:
    """Samples of a data set, one after the other and again.

    Args:
        dataset (AudioVisualDataset): What to draw from.
        forget (bool): Whether every block starts without the frame indices
            that the process remembers, as the first epoch does. Defaults to
            False.
        fill (str, optional): Folder of a cache that every block fills anew.
            Defaults to None.
    """

    def __init__(self, dataset: AudioVisualDataset, forget: bool = False,
                 fill: Optional[str] = None) -> None:
        self.dataset, self.forget, self.place = dataset, forget, 0
        self.fill = fill

    def advance(self, steps: int) -> None:
        """Load ``steps`` samples."""
        if self.forget:
            forget_indices()
        if self.fill:
            shutil.rmtree(self.fill, ignore_errors=True)
        for _ in range(steps):
            self.dataset[self.place % len(self.dataset)]
            self.place += 1


def into_folder(pipeline: Sequence[dict], folder: str) -> List[dict]:
    """A pipeline whose cached parts use another folder."""
    return [
        dict(step, folder=folder) if 'folder' in step else step
        for step in pipeline
    ]


def build_loops(config: str, clips: Sequence[Clip],
                folder: str) -> Dict[str, Loop]:
    """Everything in :data:`ROWS`, on the same clips.

    Args:
        config (str): ``configs/_base_/datasets/short_clips.py`` or another
            one that names ``visual_train``, ``audio`` and ``pack`` as it does
            and has ``*_cached.py`` beside it.
        clips (Sequence[Clip]): Of :func:`generate_clips`.
        folder (str): An existing one, for the annotation and the cache.

    Returns:
        dict[str, Loop]: For :func:`~timing.interleave`; a step is a
        clip.
    """
    init_default_scope('mmaction')
    cfg = Config.fromfile(config)
    visual, audio, pack = cfg.visual_train, cfg.audio, cfg.pack
    path = Path(config)
    cfg = Config.fromfile(path.with_name(f'{path.stem}_cached.py'))
    kept_visual = into_folder(cfg.visual_train, f'{folder}/cache')
    kept_audio = into_folder(cfg.audio, f'{folder}/cache')
    ann_file = Path(folder) / 'clips.csv'
    with open(ann_file, 'w', newline='', encoding='utf-8') as file:
        rows = csv.writer(file)
        rows.writerow(['video', 'audio', 'label'])
        rows.writerows([clip.video, clip.audio, 0] for clip in clips)

    wait_until_settled([path for clip in clips for path in clip[:2]])

    def dataset(pipeline: Sequence[dict]) -> AudioVisualDataset:
        return AudioVisualDataset(
            str(ann_file), list(pipeline), classes=['any'])

    filled = f'{folder}/filled'
    return {
        'bare PyAV loop': BareLoop(clips),
        'pipeline': DatasetLoop(
            dataset([*visual, *audio, pack]), forget=True),
        'pipeline with cache': DatasetLoop(
            dataset([*kept_visual, *kept_audio, pack])),
        'only decoding': DatasetLoop(
            dataset([*visual[:_DECODING], *audio]), forget=True),
        'only the cache': DatasetLoop(
            dataset([*kept_visual[:_DECODING], *kept_audio])),
        'filling the cache': DatasetLoop(
            dataset(into_folder([*kept_visual, *kept_audio, pack], filled)),
            forget=True, fill=filled),
    }


def wait_until_settled(paths: Sequence[str]) -> None:
    """Only then are clips cached, as those of a set on disk are."""
    newest = max(os.stat(path).st_ctime_ns for path in paths)
    wait = newest + file_state.SETTLED - time.time_ns()
    time.sleep(max(0, wait) / 1e9 + .01)


def throughput_ratios(times: Dict[str, List[float]], row: Row) -> List[float]:
    """Clips a second of a loop by those of its reference, each round."""
    return paired_ratios(times, row.reference, row.loop)


def throughput_table(times: Times, rows: Sequence[Row] = ROWS) -> str:
    """Medians, as a Markdown table.

    Args:
        times (Times): Seconds a clip.
        rows (Sequence[Row]): What to compare to what. Defaults to
            :data:`ROWS`.
    """
    lines = ['| loop | CPU ms a clip | clips/s a core | clips/s by the clock '
             '| compared to | ratio by CPU time (quartiles) | ratio by the '
             'clock | bound |', '|---' * 8 + '|']
    for row in rows:
        cpu = median(times.cpu[row.loop])
        cells = [row.loop, f'{1e3 * cpu:.2f}', f'{1 / cpu:.1f}',
                 f'{1 / median(times.wall[row.loop]):.1f}']
        if row.loop == row.reference:
            cells += ['-'] * 3
        else:
            ratios = throughput_ratios(times.cpu, row)
            low, _, high = (quantiles(ratios) if len(ratios) > 1 else
                            3 * ratios)
            wall = median(throughput_ratios(times.wall, row))
            cells += [row.reference,
                      f'{median(ratios):.2f} ({low:.2f} to {high:.2f})',
                      f'{wall:.2f}']
        cells.append('-' if row.bound is None else f'{row.bound:g}')
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)
