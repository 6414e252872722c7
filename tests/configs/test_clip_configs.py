"""Sets of clips: their samples, and a protocol or a cache one line away."""
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.registry import DATASETS
from tests.configs.shipped import (
    CACHED,
    CLIPS,
    CONFIGS,
    NAMES,
    PAPER,
    RECIPES,
    config,
    edited,
    set_of,
)
from tests.datasets import media_trees
from tests.media_utils import steps


@pytest.fixture(scope='module')
def crema_d(tmp_path_factory):
    """CREMA-D's prepared folder, for both protocols."""
    root = tmp_path_factory.mktemp('crema_d')
    names = media_trees.crema_names(media_trees.actors())
    prepare('crema_d', media_trees.TREES['crema_d'](root / 'source'),
            root / 'out', accept_missing=True, split_csv=[
                str(media_trees.crema_d_split(root / 'split', names))])
    return root / 'out'


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmaction')


def test_samples_have_the_recipes_shapes(crema_d):
    cfg = Config.fromfile(CONFIGS / 'udi_crema_d.py')
    for split in ('train', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.data_root = str(crema_d)
        inputs = DATASETS.build(dataset)[0]['inputs']
        assert inputs['audio'].shape == (1, 257, 188)
        assert inputs['visual'].shape == (3, 3, 224, 224)


@pytest.mark.parametrize('data, shapes', [
    ('crema_d', dict(audio=(1, 257, 299), visual=(2, 3, 224, 224))),
    ('kinetics_sounds', dict(audio=(1, 257, 1004), visual=(3, 3, 224, 224))),
    ('ucf101', dict(rgb=(3, 3, 224, 224), flow=(3, 2, 224, 224)))])
def test_samples_of_the_udi_paper_have_its_shapes(data, shapes, tmp_path):
    out = tmp_path / 'out'
    prepare(data, media_trees.TREES[data](tmp_path / 'source'), out,
            accept_missing=True)
    cfg = Config.fromfile(CONFIGS / f'udi_paper_{data}.py')
    for split in ('train', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.data_root = str(out)
        inputs = DATASETS.build(dataset)[0]['inputs']
        assert {m: tuple(x.shape) for m, x in inputs.items()} == shapes


def sound_of(cfg, split):
    """The decoder of the sound, wherever it stands; None without one."""
    waiting = list(steps(cfg[f'{split}_dataloader'].dataset.pipeline))
    for step in waiting:
        if step.type == 'mmbalance_plugin.PyAVAudioDecode':
            return step
        waiting += step.get('transforms', [])


@pytest.mark.parametrize('other', ['paper', 'cached', 'both'])
@pytest.mark.parametrize('data', CLIPS)
def test_protocol_and_cache_are_one_line_away(data, other, tmp_path):
    """For every config of the set at once."""
    edits = []
    if other != 'paper':
        edits.append(CACHED[data])
    if other != 'cached' and data in ('crema_d', 'kinetics_sounds'):
        edits.append(PAPER)
    copy = edited(tmp_path, data, *edits)
    names = [n for n in NAMES if set_of(n) == data]
    for name in names[::3] if data in ('crema_d', 'kinetics_sounds') \
            else names[:1]:
        shipped, cfg = config(name), Config.fromfile(copy / name)
        for split in ('train', 'val', 'test'):
            dataset = cfg[f'{split}_dataloader'].dataset
            before = shipped[f'{split}_dataloader'].dataset
            assert dataset.split == split
            assert dataset.protocol == (
                'paper' if PAPER in edits else before.protocol)
            assert sound_of(cfg, split) == sound_of(shipped, split)
            kinds = {transform.type for transform in steps(dataset.pipeline)}
            if not name.startswith(RECIPES):  # pipelines of their own
                assert ('mmbalance_plugin.CachedTransforms' in kinds) == (
                    CACHED[data] in edits)
        for key in ('model', 'train_cfg', 'optim_wrapper', 'max_epochs'):
            assert cfg[key] == shipped[key]


def test_the_paper_protocol_of_one_config(crema_d, tmp_path):
    """In a file of one's own."""
    path = tmp_path / 'paper.py'
    path.write_text(
        f"_base_ = '{CONFIGS}/unimodal_audio_crema_d.py'\n"
        'train_dataloader = val_dataloader = test_dataloader = dict(\n'
        "    dataset=dict(protocol='paper'))\n")
    cfg = Config.fromfile(path)
    found = {}
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.data_root = str(crema_d)
        found[split] = DATASETS.build(dataset)
    assert all(d.protocol == 'paper' for d in found.values())
    assert {k: len(d) for k, d in found.items()} == dict(
        train=6, val=6, test=6)
