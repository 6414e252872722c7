"""AVDigits: splits, pairing, noise, and independence of modalities."""
import shutil

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmbalance_plugin.datasets import AVDigitsDataset
from mmbalance_plugin.datasets.prepare import PreparedDataError
from mmbalance_plugin.registry import DATASETS

SPLITS = ('train', 'val', 'test')


@pytest.fixture
def build(fake_digits):

    def build(split='train', **kwargs):
        kwargs = {'n_pairs': 60, 'data_root': str(fake_digits), **kwargs}
        return AVDigitsDataset(split, **kwargs)

    return build


def test_shapes_and_classes(build):
    data = DATASETS.build(
        dict(type='mmbalance_plugin.AVDigitsDataset',
             data_root=build().data_root, n_pairs=60))
    assert data.inputs['audio'].shape == (60, 1, 13, 32)
    assert data.inputs['visual'].shape == (60, 1, 28, 28)
    assert {x.dtype for x in data.inputs.values()} == {torch.float32}
    assert (torch.bincount(data.labels) == 6).all()
    assert data.metainfo['classes'] == tuple('0123456789')
    assert build(frames=20).inputs['audio'].shape == (60, 1, 13, 20)


@pytest.mark.parametrize('modality', ['audio', 'visual'])
@pytest.mark.parametrize('split', SPLITS)
def test_one_modality_has_the_bits_of_both(build, split, modality):
    both = build(split, visual_noise_std=.5)
    one = build(split, visual_noise_std=.5, modalities=(modality, ))
    turned = build(split, visual_noise_std=.5, modalities=('visual', 'audio'))
    assert list(one.inputs) == [modality]
    assert torch.equal(one.labels, both.labels)
    for other in (both, turned):
        assert torch.equal(one.inputs[modality], other.inputs[modality])


def test_same_order_in_a_loader(build):
    DefaultScope.get_instance('digits', scope_name='mmaction')

    def epoch(modalities):
        pack = dict(
            type='PackActionInputs',
            collect_keys=modalities,
            meta_keys=('sample_idx', ))
        data = build(modalities=modalities, pipeline=[pack])
        assert data.deterministic
        loader = Runner.build_dataloader(
            dict(
                batch_size=16,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=data),
            seed=5)
        batches = list(loader)
        order = [s.sample_idx for b in batches for s in b['data_samples']]
        audio = [x for b in batches for x in b['inputs']['audio']]
        return order, torch.stack(audio)

    both, one = epoch(('audio', 'visual')), epoch(('audio', ))
    assert both[0] == one[0] != sorted(one[0])
    assert torch.equal(both[1], one[1])


def test_pairs_are_of_one_class_and_of_their_split(build, fake_digits):
    recorded = np.load(fake_digits / 'fsdd_labels.npy')
    used = {}
    for split in SPLITS:
        data = build(split)
        written = np.load(fake_digits / f'mnist_{split}_labels.npy')
        labels = data.labels.numpy()
        np.testing.assert_array_equal(recorded[data.ids['recording']], labels)
        np.testing.assert_array_equal(written[data.ids['image']], labels)
        used[split] = set(data.ids['recording'])
    # 200 recordings: 160, 20, 20; 60 pairs use up those of val and test.
    assert [len(used[s]) for s in SPLITS] == [60, 20, 20]
    assert not used['train'] & used['val']
    assert not (used['train'] | used['val']) & used['test']


def test_images_are_those_of_their_split(build, fake_digits):
    for split in SPLITS:
        data = build(split, n_components=None)
        pixels = np.load(fake_digits / f'mnist_{split}_images.npy')
        wanted = pixels[data.ids['image']].astype(np.float64)
        found = data.inputs['visual'][:, 0].double().numpy()
        # Standardising is the same line for all pixels of all splits.
        slope, offset = np.polyfit(wanted.ravel(), found.ravel(), 1)
        np.testing.assert_allclose(found, wanted * slope + offset, atol=1e-5)
        if split == 'train':
            line = slope, offset
        np.testing.assert_allclose((slope, offset), line, rtol=1e-4)


def test_components(build, fake_digits):
    few, more, whole = (
        build(n_components=n).inputs['visual'].flatten(1)
        for n in (2, 64, None))
    assert torch.linalg.matrix_rank(few - few.mean(0)) == 2
    # More components come nearer to the image; compare as [0, 1] pixels.
    pixels = np.load(fake_digits / 'mnist_train_images.npy')
    pixels = torch.tensor(pixels[build().ids['image']] / 255).flatten(1)

    def explained(images):
        return torch.corrcoef(
            torch.stack([images.flatten().double(),
                         pixels.flatten()]))[0, 1]

    assert explained(few) < explained(more) < explained(whole)
    assert explained(whole) > .99999


def test_noise_is_drawn_once_for_each_pair(build):
    clean = build('val', audio_noise_std=0).inputs['audio']
    noisy = build('val', audio_noise_std=2.)
    noise = noisy.inputs['audio'] - clean
    assert abs(noise.mean()) < .05 and abs(noise.std() - 2) < .05
    assert torch.equal(noisy[7]['audio'], noisy[7]['audio'])
    # Pairs that share a recording do not share its noise.
    recordings = noisy.ids['recording']
    first, second = np.flatnonzero(recordings == recordings[0])[:2]
    assert torch.equal(clean[first], clean[second])
    assert not torch.equal(noise[first], noise[second])
    halved = build('val', audio_noise_std=1.).inputs['audio'] - clean
    torch.testing.assert_close(halved * 2, noise, atol=1e-5, rtol=0)
    # The image's settings are none of the sound's business.
    other = build(
        'val', audio_noise_std=2., n_components=9, visual_noise_std=.7)
    assert torch.equal(other.inputs['audio'], noisy.inputs['audio'])


def test_clean_audio_is_standardised_by_training_recordings(build):
    # All 160 training recordings, each equally often.
    train = build(n_pairs=160, audio_noise_std=0)
    assert len(set(train.ids['recording'])) == 160
    audio = train.inputs['audio'][:, 0]
    torch.testing.assert_close(
        audio.mean((0, 2)), torch.zeros(13), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        audio.std((0, 2), correction=0), torch.ones(13), atol=1e-4, rtol=0)


def test_seed(build):
    first, same, other = build(), build(), build(seed=1)
    assert torch.equal(first.inputs['audio'], same.inputs['audio'])
    assert not torch.equal(first.labels, other.labels)
    assert not torch.equal(first.inputs['audio'], other.inputs['audio'])
    state = torch.get_rng_state(), np.random.get_state()[1]
    build(seed=2)
    assert torch.equal(state[0], torch.get_rng_state())
    np.testing.assert_array_equal(state[1], np.random.get_state()[1])


@pytest.mark.parametrize('kwargs, message', [
    (dict(split='dev'), "got 'dev'"),
    (dict(n_components=65), 'n_components=65'),
    (dict(n_components=0), 'n_components=0'),
    (dict(modalities=('sound', )), 'sound'),
])
def test_wrong_arguments(build, kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(**kwargs)


@pytest.mark.parametrize('modalities, name', [
    (('audio', ), 'fsdd_mfcc'),
    (('visual', ), 'mnist_val_scores'),
])
def test_missing_and_damaged_files(build, fake_digits, tmp_path, modalities,
                                   name):
    root = shutil.copytree(fake_digits, tmp_path / 'data')
    path = root / f'{name}.npy'
    path.write_bytes(path.read_bytes()[:-8] + b'12345678')
    cure = f'python tools/prepare_data.py av_digits --out {root}'
    for problem in ('is damaged', 'does not exist'):
        with pytest.raises(PreparedDataError) as error:
            build('val', data_root=str(root), modalities=modalities)
        assert f'{path} {problem}' in str(error.value)
        assert cure in str(error.value)
        path.unlink(missing_ok=True)
    other = {'audio', 'visual'} - set(modalities)
    build('val', data_root=str(root), modalities=tuple(other))
    with pytest.raises(PreparedDataError, match='manifest.json does not'):
        build(data_root=str(tmp_path / 'nowhere'))


def test_the_real_data(prepared):
    root = str(prepared('av_digits'))
    sizes, recordings = [], []
    for split in SPLITS:
        data = AVDigitsDataset(split, data_root=root)
        sizes.append(len(data))
        recordings.append(set(data.ids['recording']))
        # Standardised, then noise is added.
        assert abs(data.inputs['visual'].mean()) < .05
        assert abs(data.inputs['visual'].std() - 1) < .05
        expected = (1 + data.noise_std['audio']**2)**.5
        assert abs(data.inputs['audio'].std() - expected) < .05
    assert sizes == [8000, 2000, 2000]
    assert [len(r) for r in recordings] == [2400, 300, 300]
    assert len(set.union(*recordings)) == 3000
