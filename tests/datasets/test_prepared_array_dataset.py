"""What all sets of prepared arrays promise."""
import numpy as np
import pytest
import torch

from mmbalance_plugin.datasets.prepared_array_dataset import (
    check_modalities,
    circular_folds,
)
from mmbalance_plugin.registry import DATASETS

SPLITS = ('train', 'val', 'test')
#: Type, and options that suit fake data.
KINDS = dict(
    av_digits=('AVDigitsDataset', dict(n_pairs=60)),
    cgmnist=('CGMNISTDataset', {}),
    htad=('HTADDataset', {}),
    mnist_halves=('MNISTHalvesDataset', dict(n_samples=40)),
    multiple_features=('MultipleFeaturesDataset', {}),
    watch=('WatchDataset', {}))


@pytest.fixture(params=sorted(KINDS))
def build(request, fake_data):
    kind, options = KINDS[request.param]

    def build(split='train', **kwargs):
        return DATASETS.build(dict(
            type=f'mmbalance_plugin.{kind}', split=split,
            data_root=str(fake_data(request.param)), **{**options, **kwargs}))

    build.samples = request.param != 'av_digits'
    return build


def test_one_modality_has_the_bits_of_all(build):
    for split in SPLITS:
        every = build(split)
        for modality, values in every.inputs.items():
            one = build(split, modalities=(modality, ))
            assert list(one.inputs) == [modality]
            assert torch.equal(one.inputs[modality], values)
            assert torch.equal(one.labels, every.labels)
            assert values.dtype == torch.float32
            assert len(values) == len(every) == len(every.labels)


def test_the_seed_draws_everything(build):
    first, again, other = build(), build(), build(seed=1)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.labels, other.labels)
    for modality, values in first.inputs.items():
        assert torch.equal(values, again.inputs[modality])
    # Classes are mixed: the first samples are of several.
    assert len(set(first.labels[:10].tolist())) > 2


def test_there_is_no_noise_on_integers(build):
    dataset = build()
    name = next(iter(dataset.inputs))
    text = np.arange(6).reshape(2, 3)
    dataset.noise_std = {}
    assert dataset.noisy(name, text).tolist() == text.tolist()
    dataset.noise_std = {name: .1}
    with pytest.raises(ValueError, match=f"names '{name}'.*are integers"):
        dataset.noisy(name, text)


def test_wrong_options(build):
    with pytest.raises(ValueError, match="got 'dev'"):
        build('dev')
    with pytest.raises(ValueError, match='one or more different ones'):
        build(modalities=('touch', ))
    with pytest.raises(ValueError, match='pairing must .*within_class'):
        build(pairing='false')


def test_pairing_leaves_what_is_not_trained_on(build):
    for split, options in (('val', {}), ('test', {}),
                           ('train', dict(test_mode=True))):
        real = build(split, **options)
        other = build(split, pairing='within_class', **options)
        assert torch.equal(real.labels, other.labels)
        for modality, values in real.inputs.items():
            assert torch.equal(values, other.inputs[modality])
        assert real.ids.keys() == other.ids.keys()


def test_pairing_exchanges_every_training_sample(build):
    real, other = build(), build(pairing='within_class')
    assert torch.equal(real.labels, other.labels)
    first, *others = real.inputs
    assert torch.equal(real.inputs[first], other.inputs[first])
    for modality in others:
        before, after = real.inputs[modality], other.inputs[modality]
        # Each class keeps all its samples.
        for label in set(real.labels.tolist()):
            rows = real.labels == label
            found, wanted = (sorted(map(bytes, x[rows].numpy()))
                             for x in (after, before))
            assert found == wanted
        if build.samples:  # a picture may be drawn twice
            same = (before == after).flatten(1).all(1)
            assert not same.any()


@pytest.mark.parametrize('modalities', [(), ('touch', ),
                                        ('audio', 'audio')])
def test_wrong_modalities(modalities):
    with pytest.raises(ValueError, match='one or more different ones'):
        check_modalities(modalities, ('audio', 'visual'))


def test_circular_folds():
    pieces = np.array([2, 0, 1, 3, 0])
    tested = []
    for fold in range(4):
        parts = circular_folds(pieces, fold)
        rows = np.concatenate(list(parts.values()))
        assert sorted(rows) == [0, 1, 2, 3, 4]
        assert set(pieces[parts['val']]) == {(fold + 1) % 4}
        tested += parts['test'].tolist()
    assert sorted(tested) == [0, 1, 2, 3, 4]
