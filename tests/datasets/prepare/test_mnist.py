"""Reading pickled MNIST without running what a pickle may hold."""
import gzip
import os
import pickle
import struct

import numpy as np
import pytest

from mmbalance_plugin.datasets.prepare import PreparationError
from mmbalance_plugin.datasets.prepare.mnist import (
    ArrayUnpickler,
    check_mnist,
    component_scores,
    idx_md5,
    principal_components,
    read_mnist,
)


class Evil:

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path), )


@pytest.mark.parametrize('protocol', [0, 2, 4, 5])
def test_unpickler_runs_nothing_else(tmp_path, protocol):
    path = tmp_path / 'made'
    data = gzip.compress(pickle.dumps([np.ones(3), Evil(path)], protocol))
    with pytest.raises(pickle.UnpicklingError, match='is not allowed'):
        read_mnist(data)
    assert not path.exists()
    for name in (b'cbuiltins\neval\n.', b'cnumpy\nload\n.',
                 b'cnumpy.testing._private.utils\nrunstring\n.'):
        with pytest.raises(pickle.UnpicklingError, match='is not allowed'):
            ArrayUnpickler(__import__('io').BytesIO(name)).load()


def test_pixels_come_back_exactly():
    pixels = np.arange(256, dtype=np.uint8).repeat(784).reshape(256, 784)
    split = ((pixels / 256).astype(np.float32), np.arange(256) % 10)
    data = gzip.compress(pickle.dumps((split, split, split), 4))
    splits = read_mnist(data)
    assert list(splits) == ['train', 'val', 'test']
    for images, labels in splits.values():
        assert images.dtype == labels.dtype == np.uint8
        np.testing.assert_array_equal(images, pixels.reshape(-1, 28, 28))
        np.testing.assert_array_equal(labels, np.arange(256) % 10)


def test_pixels_out_of_range_are_an_error():
    split = (np.full((2, 784), 1.5, np.float32), np.zeros(2, int))
    with pytest.raises(PreparationError, match='MNIST train'):
        read_mnist(gzip.compress(pickle.dumps((split, ) * 3, 4)))


def test_idx_md5_is_that_of_the_file():
    import hashlib
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    file = struct.pack('>IIII', 2051, 2, 3, 4) + images.tobytes()
    assert idx_md5(images) == hashlib.md5(file).hexdigest()
    labels = np.array([7, 2], dtype=np.uint8)
    file = struct.pack('>II', 2049, 2) + labels.tobytes()
    assert idx_md5(labels) == hashlib.md5(file).hexdigest()


def test_check_names_what_differs():
    rng = np.random.default_rng(0)
    splits = {
        name: (rng.integers(0, 256, (n, 28, 28), dtype=np.uint8),
               rng.integers(0, 10, n, dtype=np.uint8))
        for name, n in (('train', 5), ('val', 3), ('test', 4))
    }
    train = [np.concatenate(p) for p in zip(splits['train'], splits['val'])]
    md5 = {
        'train-images': idx_md5(train[0]),
        'train-labels': idx_md5(train[1]),
        'test-images': idx_md5(splits['test'][0]),
        'test-labels': idx_md5(splits['test'][1])
    }
    check_mnist(splits, (5, 3, 4), md5)
    with pytest.raises(PreparationError, match='val has 3 images'):
        check_mnist(splits, (5, 2, 4), md5)
    splits['test'][1][0] ^= 1
    with pytest.raises(PreparationError, match='test labels are not'):
        check_mnist(splits, (5, 3, 4), md5)
    splits['val'][0][0, 3, 3] ^= 1
    with pytest.raises(PreparationError, match='train images are not'):
        check_mnist(splits, (5, 3, 4), md5)


def test_principal_components_against_svd():
    rng = np.random.default_rng(0)
    scale = np.linspace(4, .5, 36)
    images = (rng.normal(size=(3000, 36)) * scale * 12 + 128).clip(0, 255)
    images = images.astype(np.uint8).reshape(-1, 6, 6)
    mean, components = principal_components(images, 5)
    flat = images.reshape(-1, 36) / 255
    np.testing.assert_allclose(mean, flat.mean(0), atol=1e-6)
    rows = np.linalg.svd(flat - flat.mean(0), full_matrices=False)[2][:5]
    np.testing.assert_allclose(
        np.abs(components @ rows.T), np.eye(5), atol=1e-4)
    assert (components.max(1) > -components.min(1)).all()
    scores = component_scores(images, mean, components)
    np.testing.assert_allclose(
        scores, (flat - mean) @ components.T, atol=1e-5)
    assert scores.dtype == np.float32
    assert (np.diff(scores.var(0)) < 0).all()
