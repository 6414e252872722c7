"""Every shipped config of the media data sets trains on a tiny tree."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.registry import DATASETS
from tests.datasets import media_trees
from tests.engine.digits import weights
from tests.media_utils import steps

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SETS = ('crema_d', 'kinetics_sounds', 'vggsound', 'ucf101')
METHODS = ('joint', 'unimodal_audio', 'unimodal_visual', 'late_fusion',
           'ogm_ge', 'opm', 'opm_ogm_ge', 'udi')
PAPER = CONFIGS / '_base_/datasets/crema_d_paper.py'
SHIPPED = sorted(
    path.name for data in SETS for path in CONFIGS.glob(f'*_{data}.py'))


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """Function from a data set's name to its prepared folder."""
    root, done = tmp_path_factory.mktemp('trees'), {}

    def get(name):
        if name not in done:
            options = {}
            source = media_trees.TREES[name](root / name)
            if name == 'crema_d':
                names = media_trees.crema_names(media_trees.actors())
                options['split_csv'] = [str(
                    media_trees.crema_d_split(root / 'split', names))]
            prepare(name, source, root / 'out' / name, accept_missing=True,
                    **options)
            done[name] = root / 'out' / name
        return done[name]

    return get


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmaction')


def data_of(name):
    return next(d for d in SETS if name.endswith(f'{d}.py'))


def shrink(node):
    """Smaller pictures and shorter sound, everything else as shipped."""
    if isinstance(node, dict):
        if node.get('type') == 'Resize':
            node['scale'] = (32, 32)
        if 'duration' in node:
            node['duration'] = .3
        for value in node.values():
            shrink(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            shrink(value)


def load(name, folder, work_dir=None):
    cfg = Config.fromfile(CONFIGS / name)
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.batch_size = 3
        loader.num_workers = 0
        loader.dataset.data_root = str(folder)
        loader.dataset.indices = 3
    shrink(cfg._cfg_dict)
    if work_dir is not None:
        cfg.work_dir = cfg.experiment_name = str(work_dir)
    return cfg


def test_there_is_a_config_for_every_method():
    wanted = {f'{m}_{d}.py' for d in SETS[:2] for m in METHODS}
    wanted |= {f'{m}_{d}.py' for d in SETS[2:] for m in ('joint', 'udi')}
    assert wanted <= set(SHIPPED)


@pytest.mark.parametrize('name', SHIPPED)
def test_the_first_line_is_the_command_that_runs_it(name):
    first = (CONFIGS / name).read_text().splitlines()[0]
    assert first == f'# python tools/train.py configs/{name}'


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('data', SETS[:2])
def test_the_recipe_is_the_fields(method, data):
    cfg = Config.fromfile(CONFIGS / f'{method}_{data}.py')
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum,
            optimizer.weight_decay) == ('SGD', 1e-3, .9, 1e-4)
    assert cfg.param_scheduler[0].step_size == 70
    assert cfg.train_cfg.max_epochs == 100
    assert cfg.train_dataloader.batch_size == 64
    assert cfg.train_dataloader.dataset.protocol == 'fair'
    model = cfg.model.get('recognizer', cfg.model)
    for modality, encoder in model.encoders.items():
        assert encoder.backbone.type == 'mmaction.ResNet'
        assert encoder.backbone.depth == 18
        assert encoder.backbone.pretrained is None
        assert encoder.backbone.get('in_channels', 3) == (
            1 if modality == 'audio' else 3)


def test_samples_have_the_recipes_shapes(prepared):
    cfg = Config.fromfile(CONFIGS / 'udi_crema_d.py')
    for split in ('train', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.data_root = str(prepared('crema_d'))
        inputs = DATASETS.build(dataset)[0]['inputs']
        assert inputs['audio'].shape == (1, 257, 188)
        assert inputs['visual'].shape == (3, 3, 224, 224)


@pytest.mark.parametrize('other', ['paper', 'cached', 'paper_cached'])
@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('data', SETS[:2])
def test_protocol_and_cache_are_one_line_away(data, method, other, tmp_path):
    text = (CONFIGS / f'{method}_{data}.py').read_text()
    line = f"'_base_/datasets/{data}.py'"
    assert text.count(line) == 1
    text = text.replace(line, line.replace('.py', f'_{other}.py'))
    (tmp_path / 'other.py').write_text(
        text.replace("'_base_", f"'{CONFIGS}/_base_"))
    shipped = Config.fromfile(CONFIGS / f'{method}_{data}.py')
    cfg = Config.fromfile(tmp_path / 'other.py')
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert dataset.split == split
        assert dataset.protocol == ('paper' if 'paper' in other else 'fair')
        kinds = {transform.type for transform in steps(dataset.pipeline)}
        assert ('mmbalance_plugin.CachedTransforms' in kinds) == (
            'cached' in other)
    for key in ('model', 'train_cfg', 'optim_wrapper'):
        assert cfg[key] == shipped[key]


def test_the_paper_protocol_is_one_line_away(prepared, tmp_path):
    text = (CONFIGS / 'unimodal_audio_crema_d.py').read_text()
    line = "'_base_/datasets/crema_d.py'"
    assert text.count(line) == 1
    text = text.replace(line, f"'{PAPER}'").replace(
        "'_base_", f"'{CONFIGS}/_base_")
    (tmp_path / 'paper.py').write_text(text)
    cfg = Config.fromfile(tmp_path / 'paper.py')
    found = {}
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.data_root = str(prepared('crema_d'))
        found[split] = DATASETS.build(dataset)
    assert all(d.protocol == 'paper' for d in found.values())
    assert {k: len(d) for k, d in found.items()} == dict(
        train=6, val=6, test=6)


# Each method on the first set and each set with one method; the rest repeats.
@pytest.mark.parametrize('name', [
    name if name.endswith(f'{SETS[0]}.py') or name.startswith('joint_') or
    'slowonly' in name else pytest.param(name, marks=pytest.mark.slow)
    for name in SHIPPED])
def test_it_trains_a_step(name, prepared, tmp_path):
    cfg = load(name, prepared(data_of(name)), tmp_path)
    torch.manual_seed(0)
    model = Runner.build_model(None, cfg.model)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    batch = pseudo_collate([dataset[i] for i in range(3)])
    before = {k: v.clone() for k, v in model.state_dict().items()}
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    wrapper.initialize_count_status(model, 0, 10)
    losses = model.train().train_step(batch, wrapper)
    assert losses['loss'].isfinite()
    changed = {k for k, v in model.state_dict().items()
               if not torch.equal(before[k], v)}
    for modality in batch['inputs']:
        assert any(f'encoders.{modality}.' in k and k.endswith('weight')
                   for k in changed)


@pytest.mark.slow
@pytest.mark.parametrize('name', SHIPPED)
def test_it_trains(name, prepared, tmp_path):
    cfg = load(name, prepared(data_of(name)), tmp_path)
    cfg.train_cfg.max_epochs = 1
    runner = Runner.from_cfg(cfg)
    before = weights(runner)
    runner.train()
    after = weights(runner)
    assert any(not torch.equal(before[k], after[k]) for k in after)
    assert (tmp_path / 'summary.json').exists()
    assert 'acc/top1' in runner.train_loop.assembled_metrics
