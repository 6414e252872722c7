"""Reading pickled MNIST without running what a pickle may hold."""
import gzip
import hashlib
import os
import pickle
import struct

import numpy as np
import pytest

from mmbalance_plugin.datasets.prepare import PreparationError
from mmbalance_plugin.datasets.prepare.mnist import (
    ArrayUnpickler,
    component_scores,
    principal_components,
    read_mnist,
)

SPLITS = ('train', 'val', 'test')


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
    splits = read_mnist(data, dict.fromkeys(SPLITS, 256))
    assert tuple(splits) == SPLITS
    for images, labels in splits.values():
        assert images.dtype == labels.dtype == np.uint8
        np.testing.assert_array_equal(images, pixels.reshape(-1, 28, 28))
        np.testing.assert_array_equal(labels, np.arange(256) % 10)


def test_pixels_out_of_range_are_an_error():
    split = (np.full((2, 784), 1.5, np.float32), np.zeros(2, int))
    with pytest.raises(PreparationError, match='MNIST train'):
        read_mnist(gzip.compress(pickle.dumps((split, ) * 3, 4)),
                   dict.fromkeys(SPLITS, 2))


def test_other_counts_are_an_error():
    split = (np.zeros((2, 784), np.float32), np.zeros(2, int))
    with pytest.raises(PreparationError, match='train has 2 images'):
        read_mnist(gzip.compress(pickle.dumps((split, ) * 3, 4)))


#: md5 of the four original idx files, without gzip.
ORIGINAL = {
    'train-images': '6bbc9ace898e44ae57da46a324031adb',
    'train-labels': 'a25bea736e30d166cdddb491f175f624',
    'test-images': '2646ac647ad5339dbf082846283269ea',
    'test-labels': '27ae3e4e09519cfbb04c329615203637',
}


@pytest.mark.parametrize('name, prefix', [
    ('av_digits', 'mnist_'), ('cgmnist', ''), ('mnist_halves', '')])
def test_what_was_prepared_is_the_original(prepared, name, prefix):
    """Written as idx files, the arrays have the hashes of the originals."""
    folder = prepared(name)
    for part, splits in (('train', ('train', 'val')), ('test', ('test', ))):
        for kind in ('images', 'labels'):
            array = np.concatenate([
                np.load(folder / f'{prefix}{split}_{kind}.npy')
                for split in splits])
            # Magic number: unsigned bytes (0x08), number of dimensions.
            header = struct.pack(f'>{1 + array.ndim}I', 0x0800 + array.ndim,
                                 *array.shape)
            assert hashlib.md5(header + array.tobytes()).hexdigest() == (
                ORIGINAL[f'{part}-{kind}'])


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
