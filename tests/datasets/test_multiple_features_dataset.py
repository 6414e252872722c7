"""Multiple Features: views, split, standardisation."""
import shutil

import numpy as np
import pytest
import torch

from mmbalance_plugin.datasets import MultipleFeaturesDataset
from mmbalance_plugin.datasets.prepare import PreparedDataError
from mmbalance_plugin.registry import DATASETS

SPLITS = ('train', 'val', 'test')
WIDTHS = dict(fac=216, fou=76, kar=64, mor=6, pix=240, zer=47)


@pytest.fixture
def build(fake_features):

    def build(split='train', **kwargs):
        return MultipleFeaturesDataset(
            split, **{'data_root': str(fake_features), **kwargs})

    return build


def test_default_and_all_views(build, fake_features):
    data = DATASETS.build(
        dict(
            type='mmbalance_plugin.MultipleFeaturesDataset',
            data_root=str(fake_features)))
    assert list(data.inputs) == ['pix', 'fou', 'mor']
    every = build(modalities=tuple(WIDTHS))
    for view, width in WIDTHS.items():
        assert every.inputs[view].shape == (60, width)
        assert every.inputs[view].dtype == torch.float32
        alone = build(modalities=(view, ))
        assert torch.equal(alone.inputs[view], every.inputs[view])
        assert torch.equal(alone.labels, every.labels)


def test_split_is_stratified_disjoint_and_shuffled(build):
    parts = {split: build(split) for split in SPLITS}
    assert [len(p) for p in parts.values()] == [60, 20, 20]
    for part in parts.values():
        assert len(set(torch.bincount(part.labels).tolist())) == 1
        assert part.labels.tolist() != sorted(part.labels.tolist())
    numerals = np.concatenate([p.ids['numeral'] for p in parts.values()])
    np.testing.assert_array_equal(np.sort(numerals), np.arange(100))


def test_standardised_by_the_training_split(build, fake_features):
    raw = np.load(fake_features / 'fou.npy').astype(np.float64)
    train, test = build(), build('test')
    rows = raw[train.ids['numeral']]
    torch.testing.assert_close(
        train.inputs['fou'].mean(0), torch.zeros(76), atol=1e-5, rtol=0)
    np.testing.assert_allclose(
        test.inputs['fou'],
        (raw[test.ids['numeral']] - rows.mean(0)) / rows.std(0),
        atol=1e-5)


def test_seed(build):
    assert torch.equal(build().labels, build().labels)
    assert build().ids['numeral'].tolist() != build(
        seed=1).ids['numeral'].tolist()


def test_noise_is_of_the_views_that_are_named(build):
    plain, noisy = build(), build(noise_std=dict(fou=2.))
    assert torch.equal(plain.inputs['pix'], noisy.inputs['pix'])
    noise = (noisy.inputs['fou'] - plain.inputs['fou']) / 2
    assert abs(float(noise.mean())) < .1 and abs(float(noise.std()) - 1) < .1
    # Whichever samples and views are asked for, and not that of a neighbour.
    part = build(modalities=('fou', ), indices=[7], noise_std=dict(fou=2.))
    assert torch.equal(part.inputs['fou'][0], noisy.inputs['fou'][7])
    assert not torch.allclose(noise[0], noise[1])
    other = build('val', noise_std=dict(fou=2.)).inputs['fou'] - build(
        'val').inputs['fou']
    assert not torch.allclose(other / 2, noise[:len(other)])


def test_errors(build, fake_features, tmp_path):
    with pytest.raises(ValueError, match="got 'dev'"):
        build('dev')
    with pytest.raises(ValueError, match='colour'):
        build(modalities=('pix', 'colour'))
    with pytest.raises(ValueError, match=r"noise_std names \['colour'\]"):
        build(noise_std=dict(colour=1.))
    root = shutil.copytree(fake_features, tmp_path / 'data')
    (root / 'mor.npy').unlink()
    with pytest.raises(PreparedDataError) as error:
        build(data_root=str(root))
    assert f'{root}/mor.npy does not exist' in str(error.value)
    assert 'prepare_data.py multiple_features' in str(error.value)
    build(data_root=str(root), modalities=('pix', ))


def test_the_real_data(prepared):
    root = str(prepared('multiple_features'))
    for split, count in zip(SPLITS, (1200, 400, 400)):
        data = MultipleFeaturesDataset(
            split, modalities=tuple(WIDTHS), data_root=root)
        assert (torch.bincount(data.labels) == count // 10).all()
        for view, width in WIDTHS.items():
            assert data.inputs[view].shape == (count, width)
            assert torch.isfinite(data.inputs[view]).all()
