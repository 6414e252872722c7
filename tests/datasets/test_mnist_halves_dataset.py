"""MNIST halves: rows, sizes, splits."""
import numpy as np
import pytest
import torch

from mmbalance_plugin.datasets import MNISTHalvesDataset

SPLITS = ('train', 'val', 'test')


@pytest.fixture
def build(fake_data):

    def build(split='train', n_samples=30, **kwargs):
        return MNISTHalvesDataset(
            split, data_root=str(fake_data('mnist_halves')),
            n_samples=n_samples, **kwargs)

    return build


def test_halves_make_the_image(build, fake_data):
    for split in SPLITS:
        data = build(split)
        images = np.load(fake_data('mnist_halves') / f'{split}_images.npy')
        labels = np.load(fake_data('mnist_halves') / f'{split}_labels.npy')
        rows = data.ids['image']
        whole = torch.cat([data.inputs['top'], data.inputs['bottom']], 2)
        assert whole.shape == (30, 1, 28, 28)
        pixels = (whole[:, 0].numpy() * .3081 + .1307) * 255
        np.testing.assert_allclose(pixels, images[rows], atol=1e-3)
        assert (data.labels.numpy() == labels[rows]).all()


def test_fewer_are_among_more(build):
    small, large = build(n_samples=20), build(n_samples=50)
    assert small.ids['image'].tolist() == large.ids['image'][:20].tolist()
    assert len(set(large.ids['image'])) == 50
    for count in (601, -1):
        with pytest.raises(ValueError, match=f'n_samples={count}: train has'):
            build(n_samples=count)


def test_the_real_data(prepared):
    root = str(prepared('mnist_halves'))
    counts = [len(MNISTHalvesDataset(s, data_root=root)) for s in SPLITS]
    assert counts == [3000, 2000, 10000]
    data = MNISTHalvesDataset('test', data_root=root)
    assert torch.bincount(data.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    for values in data.inputs.values():
        assert abs(values.mean()) < .1 and abs(values.std() - 1) < .1
