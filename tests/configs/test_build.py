"""Every shipped config says nothing that its readers do not understand."""
import copy
from pathlib import Path

import pytest
import torch
from mmengine.dataset import Compose
from mmengine.fileio import load
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmbalance_plugin.cli.config_keys import accepted, unread_keys
from mmbalance_plugin.engine.loops import Stage
from mmbalance_plugin.models.wrappers import recognizer_of
from mmbalance_plugin.registry import DATASETS, HOOKS, LOOPS, MODELS
from tests.configs.shipped import (
    ABLATIONS,
    ARRAYS,
    BACKBONES,
    CHOSEN,
    CLIPS,
    COMPLETE,
    CONFIGS,
    EPOCHS,
    EVERYWHERE,
    LABELS,
    LONG,
    METHODS,
    NAMES,
    OWN,
    RECIPES,
    SETS,
    config,
    set_of,
)

_MODELS = {}
#: The paper's own set among those in memory: its UDI is the paper's.
COLORED = ('cgmnist', 'cgmnist_full')
#: Of methods whose head is part of what they are.
HEADS = dict(
    mla='MLAHead', mmcosine='MMCosineHead', qmf='QMFHead', umt='SumHead')


def test_every_set_has_the_methods():
    wanted = {f'{method}_{data}.py' for data in SETS
              for method in LONG.get(data, EVERYWHERE)}
    wanted |= {f'{method}_{data}.py' for data in COMPLETE
               for method in METHODS}
    for data in COMPLETE:
        modalities = config(f'_base_/sets/{data}.py').modalities
        wanted |= {f'unimodal_{m}_{data}.py' for m in modalities}
    wanted |= {f'udi_paper_{data}.py' for data in SETS
               if data not in ('vggsound', OWN, *COLORED)}
    assert wanted <= set(NAMES)
    assert set(NAMES) - wanted == {
        'ogm_av_digits.py', 'udi_slowonly_resnet_audio_kinetics_sounds.py'}


def test_two_sets_in_memory_have_the_ablations():
    names = {data: {name.removesuffix(f'_{data}.py') for name in ABLATIONS
                    if set_of(name) == data} for data in ARRAYS}
    control = {'ablations/late_fusion_calibrated'}
    assert all(found >= control for found in names.values())
    assert all(names[data] == control for data in ARRAYS[2:])
    for data in ARRAYS[:2]:
        found = names[data]
        anchors = {f'ablations/udi_anchor_{m}'
                   for m in config(f'_base_/sets/{data}.py').modalities}
        assert anchors <= found
        names[data] = found - anchors
    # With two modalities, star and progressive are one.
    assert names['multiple_features'] == {
        *names['av_digits'], 'ablations/udi_progressive'}


def build_model(cfg):
    """Each model once, without memory: many configs share theirs."""
    # UDI's terms are tried as the stage is made, which takes numbers.
    tried = 'AnchorGuidance' in repr(cfg.train_cfg)
    key = repr((cfg.model, tried))
    if key not in _MODELS:
        model = copy.deepcopy(cfg.model)
        inner = model.get('recognizer', model)
        if 'data_preprocessor' in inner:
            # Looks at its numbers, which must be there.
            inner.data_preprocessor = MODELS.build(inner.data_preprocessor)
        with torch.device('cpu' if tried else 'meta'):
            _MODELS[key] = MODELS.build(model)
    return _MODELS[key]


def check_data(cfg):
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        assert loader.sampler.shuffle == (split == 'train')
        dataset = dict(loader.dataset)
        kind = DATASETS.get(dataset.pop('type'))
        assert set(dataset) <= accepted(kind)
        assert dataset['split'] == split
        assert dataset.get('test_mode', False) == (split != 'train')
        Compose(dataset['pipeline'])


def check_loop(cfg, model):
    loop = dict(cfg.train_cfg)
    kind = LOOPS.get(loop.pop('type'))
    assert set(loop) <= accepted(kind)
    stages = loop.get('stages', [dict(name='joint')])
    stages = [Stage.from_cfg(s, model, cfg.max_epochs) for s in stages]
    return {stage.epochs for stage in stages}, {
        m for stage in stages for m in stage.active}


@pytest.mark.parametrize('name', NAMES + ABLATIONS + LABELS)
def test_it_builds(name):
    init_default_scope('mmaction')
    text = (CONFIGS / name).read_text()
    assert text.startswith(f'# python tools/train.py configs/{name}\n')
    cfg = config(name)
    assert not unread_keys(cfg)
    model = build_model(cfg)
    wrapper = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    assert len(wrapper.optimizer.param_groups[0]['params']) == len(
        list(model.parameters()))
    for hook in cfg.get('custom_hooks', ()):
        HOOKS.build(hook)
    check_data(cfg)
    inner = recognizer_of(model)
    epochs, active = check_loop(cfg, inner)
    assert epochs == {EPOCHS.get(set_of(name), 100)}
    assert active == set(inner.modalities)
    assert inner.head.num_classes == cfg.num_classes


@pytest.mark.parametrize('data', SETS)
def test_methods_on_a_set_differ_in_nothing_else(data):
    """Same data, encoders, optimiser and length for all of them."""
    configs = {
        name: config(name)
        for name in NAMES if set_of(name) == data
        and not name.startswith(('unimodal', *RECIPES))
    }
    first = configs[f'joint_{data}.py']
    for name, cfg in configs.items():
        for key in ('train_dataloader', 'val_dataloader', 'test_dataloader',
                    'param_scheduler', 'max_epochs', 'val_evaluator',
                    'default_hooks', 'randomness'):
            assert cfg[key] == first[key], (name, key)
        assert cfg.optim_wrapper.optimizer == first.optim_wrapper.optimizer
        model = cfg.model.get('recognizer', cfg.model)
        assert model.encoders == first.model.encoders, name
        apart = name.startswith(('udi', 'late_fusion', 'reconboost'))
        own = HEADS.get(name.split('_')[0], 'ConcatHead')
        head = 'DecisionHead' if apart else own
        assert model.head.type == f'mmbalance_plugin.{head}'
        papers = name.startswith('udi_paper') or name in {
            f'udi_{d}.py' for d in (*CLIPS, *COLORED) if d != 'vggsound'}
        assert dict(model.head).get('combine') == (
            'sum_logits' if papers or name.startswith('reconboost') else
            'sum_log_probs' if apart and data in ARRAYS else None)
        assert cfg.train_cfg.get('preset') == (
            None if not name.startswith('udi') else
            'paper' if papers else 'stable')


@pytest.mark.parametrize('data', ['crema_d', 'kinetics_sounds'])
@pytest.mark.parametrize('method', [
    'joint', 'unimodal_audio', 'unimodal_visual', 'udi'])
def test_the_recipe_for_clips_is_the_fields(method, data):
    cfg = config(f'{method}_{data}.py')
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum,
            optimizer.weight_decay) == ('SGD', 1e-3, .9, 1e-4)
    assert cfg.param_scheduler[0].step_size == 70
    assert cfg.train_dataloader.batch_size == 64
    assert cfg.train_dataloader.dataset.protocol == 'fair'
    for modality, encoder in cfg.model.encoders.items():
        assert encoder.backbone.type == 'mmaction.ResNet'
        assert encoder.backbone.depth == 18
        assert encoder.backbone.pretrained is None
        assert encoder.backbone.get('in_channels', 3) == (
            1 if modality == 'audio' else 3)


def values(method, *path):
    """A setting of a method on the sets for which it was chosen."""
    found = []
    for data in CHOSEN:
        value = config(f'{method}_{data}.py')
        for key in path:
            value = value[key]
        found.append(value)
    return found


def test_strengths_are_those_of_the_papers_or_chosen_on_validation():
    assert values('ogm_ge', 'optim_wrapper', 'alpha') == [.3, .1, .8, .1]
    assert values('opm_ogm_ge', 'optim_wrapper', 'alpha') == [.3, .3, .8, .1]
    assert values('opm', 'model', 'warmup_epochs') == [1, 1, 6, 6]
    assert values('relearning', 'custom_hooks', 0, 'lam') == [3, 3, 3, 7]
    assert values('relearning', 'custom_hooks', 0, 'interval') == [1, 4, 20,
                                                                   20]
    assert values('mmpareto', 'model', 'step', 'gamma') == [1.5] * 4


def test_the_index_lists_every_config():
    index = load(CONFIGS / 'metafile.yml')
    found = {model['Name']: model for model in index['Models']}
    assert len(found) == len(index['Models'])
    assert {model['Config'] for model in found.values()} == {
        f'configs/{name}' for name in NAMES + ABLATIONS + BACKBONES + LABELS}
    for name, model in found.items():
        assert Path(model['Config']).stem == name
        assert model['In Collection'] == index['Collections'][0]['Name']
    assert load(CONFIGS.parent / 'model-index.yml') == dict(
        Import=['configs/metafile.yml'])
