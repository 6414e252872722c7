"""The cached data sets: one line away, the same samples, decoded once."""
import os

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmbalance_plugin.datasets.cache import file_state
from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.datasets.transforms.per_modality import (
    all_transforms,
)
from mmbalance_plugin.registry import DATASETS
from tests.configs.shipped import CACHED, CONFIGS, edited
from tests.datasets import media_trees
from tests.media_utils import write_clip

# VGGSound's pipelines are those of Kinetics-Sounds.
SETS = ('crema_d', 'kinetics_sounds')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Function that prepares data/NAME below a folder and returns that."""
    root, done = tmp_path_factory.mktemp('work'), set()

    def get(name):
        if name not in done:
            source = media_trees.TREES[name](root / 'source' / name)
            prepare(name, source, root / 'data' / name, accept_missing=True)
            done.add(name)
        return root

    return get


@pytest.fixture(autouse=True)
def scope(monkeypatch):
    # The clips have just been written.
    monkeypatch.setattr(file_state, 'SETTLED', -10**12)
    init_default_scope('mmaction')


def load(name, tmp_path, cached=True):
    """joint_*.py, with the line that gives the set a cache."""
    if not cached:
        return Config.fromfile(CONFIGS / f'joint_{name}.py')
    return Config.fromfile(
        edited(tmp_path, name, CACHED[name]) / f'joint_{name}.py')


def build(cfg, split):
    dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
    caches = [step for step in all_transforms(dataset.pipeline.transforms)
              if hasattr(step, 'hits')]
    assert len(caches) == (2 if 'cache' in cfg else 0)
    return dataset, caches


def epoch(dataset):
    return [dataset[i]['inputs'] for i in range(len(dataset))]


def no_decoding(*_, **__):
    raise AssertionError('a clip was opened')


@pytest.mark.parametrize('name', SETS)
def test_it_trains_and_reads_only_the_cache_from_then_on(
        name, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder(name))
    cfg = load(name, tmp_path)
    dataset, caches = build(cfg, 'train')
    plain, _ = build(load(name, tmp_path, cached=False), 'train')
    np.random.seed(0)
    first = epoch(dataset)
    assert all(cache.misses == len(first) > 1 for cache in caches)
    assert os.listdir('data/cache')
    uncached = epoch(plain)
    monkeypatch.setattr('av.open', no_decoding)
    second = epoch(build(cfg, 'train')[0])
    for before, after, wanted in zip(first, second, uncached):
        # Crops, flips and frames are drawn anew; sound is the same bits.
        assert not torch.equal(before['visual'], after['visual'])
        assert before['visual'].shape == wanted['visual'].shape
        assert before['visual'].dtype == wanted['visual'].dtype
        for inputs in (before, after):
            assert torch.equal(inputs['audio'], wanted['audio'])

    torch.manual_seed(0)
    model = Runner.build_model(None, cfg.model)
    batch = pseudo_collate([dataset[i] for i in range(2)])
    before = {k: v.clone() for k, v in model.state_dict().items()}
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    wrapper.initialize_count_status(model, 0, 10)
    assert model.train().train_step(batch, wrapper)['loss'].isfinite()
    assert any(not torch.equal(before[k], v)
               for k, v in model.state_dict().items() if k.endswith('weight'))


@pytest.mark.parametrize('name', SETS)
def test_tests_see_the_same_bits(name, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder(name))
    cfg, plain = load(name, tmp_path), load(name, tmp_path, cached=False)
    for split in ('val', 'test'):
        wanted = epoch(build(plain, split)[0])
        made = epoch(build(cfg, split)[0])
        with monkeypatch.context() as patch:
            patch.setattr('av.open', no_decoding)
            dataset, caches = build(cfg, split)
            read = epoch(dataset)
        assert [c.misses for c in caches] == [0, 0]
        assert dataset.deterministic
        for found in (made, read):
            for a, b in zip(found, wanted):
                assert all(torch.equal(a[m], b[m]) for m in b)
                assert set(a) == set(b)


def test_everything_else_is_the_plain_config(tmp_path):
    for name in SETS:
        cfg = load(name, tmp_path)
        plain = load(name, tmp_path, cached=False)
        for key, value in plain.items():
            if not key.endswith(('dataloader', 'pipeline')) and key not in (
                    'visual_train', 'visual_test', 'audio'):
                assert cfg[key] == value, key
        for split in ('train', 'val', 'test'):
            loader, other = (c[f'{split}_dataloader'] for c in (cfg, plain))
            loader.dataset.pipeline = other.dataset.pipeline
            assert loader == other


@pytest.mark.parametrize('name', SETS)
def test_training_draws_the_frames_it_would_draw(name, tmp_path):
    """Each third of the clip gives one, the last frames not left out."""
    clip = write_clip(tmp_path / 'clip.mp4', 100, 30)
    cfg = load(name, tmp_path)
    plain = load(name, tmp_path, cached=False)
    cache, sample, decode = cfg.visual_train[:3]
    fps = cache.transforms[1].fps
    pipeline = Compose([dict(cache, folder=str(tmp_path)), sample])
    other = Compose(plain.visual_train[:2])
    np.random.seed(0)

    def draw(pipeline):
        found = [pipeline(dict(filename=clip, modality='RGB'))
                 for _ in range(300)]
        inds = np.stack([x['frame_inds'] for x in found])
        return inds, found[0]['frame_times'][inds]

    inds, times = draw(pipeline)
    _, wanted = draw(other)
    assert set(inds.flat) == set(range(round(100 / 30 * fps)))
    # A kept frame stands for those half a distance around it.
    assert np.all(abs(times.mean(0) - wanted.mean(0)) < .06)
    assert np.all(abs(times.std(0) - wanted.std(0)) < .06)
    assert np.all(abs(times.min(0) - wanted.min(0)) <= .6 / fps + 1 / 30)
    assert np.all(abs(times.max(0) - wanted.max(0)) <= .6 / fps + 1 / 30)

    # And the pictures are those of the clip, resized.
    kept = pipeline(dict(filename=clip, modality='RGB'))
    everything = Compose([
        plain.visual_train[0], dict(type='mmbalance_plugin.SampleAtRate'),
        plain.visual_train[2], cache.transforms[3]
    ])(dict(filename=clip, modality='RGB'))
    for time, picture in zip(kept['frame_times'], kept['array']):
        number = np.searchsorted(everything['frame_times'], time - 1e-6)
        assert np.array_equal(picture, everything['imgs'][number])
    assert decode.type == 'ArrayDecode'
