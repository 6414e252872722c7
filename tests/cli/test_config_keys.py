"""Mistyped keys of a config are told; helper variables are left alone."""
from pathlib import Path

import mmaction
import pytest
import torch
from mmengine.config import Config

from mmbalance_plugin.cli import launch
from mmbalance_plugin.cli.command import UsageError
from mmbalance_plugin.cli.config_keys import (
    refuse_near_misses,
    unmatched_keys,
    unread_keys,
    unused_parts,
)
from mmbalance_plugin.cli.near import edits, near

ROOT = Path(__file__).resolve().parents[2]
MMACTION = Path(mmaction.__file__).parent / '.mim' / 'configs'


@pytest.mark.parametrize('one, other, expected', [
    ('model', 'model', 0), ('', 'abc', 3), ('modle', 'model', 1),
    ('train_datalaoder', 'train_dataloader', 1), ('mdoell', 'model', 2),
    ('backbon', 'backbone', 1), ('kitten', 'sitting', 3), ('abc', 'bca', 2),
])
def test_edits(one, other, expected):
    assert edits(one, other) == edits(other, one) == expected


def test_near():
    known = ['model', 'work_dir', 'resume', 'lr', 'eps']
    assert near('modle', known) == 'model'
    assert near('wrk_dirr', known) == 'work_dir'
    assert near('model', known) is None
    assert near('modelling', known) is None
    # One letter makes another word of a short one.
    assert near('lp', known) is None
    assert near('esp', known) == 'eps'
    assert near('pse', known) is None


@pytest.fixture
def cfg():
    return Config(dict(
        default_scope='mmaction',
        model=dict(
            type='mmbalance_plugin.MultimodalRecognizer',
            encoders=dict(pix=dict(
                backbone=dict(type='mmbalance_plugin.MLPBackbone',
                              in_channels=3, channels=(8, )),
                feat_channels=8)),
            head=dict(type='mmbalance_plugin.ConcatHead', num_classes=2)),
        train_dataloader=dict(
            batch_size=4, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            dataset=dict(
                type='mmbalance_plugin.AVDigitsDataset', split='train',
                pipeline=[dict(type='PackActionInputs', collect_keys=('a', ))
                          ])),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=.1),
            paramwise_cfg=dict(bias_lr_mult=2.)),
        param_scheduler=[dict(type='MultiStepLR', milestones=[1])],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook')),
        env_cfg=dict(cudnn_benchmark=False),
        # Helpers, of any name.
        dataset=dict(typo_dataset=1), max_epochs=2, clips=[1], pipe=dict(
            model=dict(num_clases=3))))


def test_a_config_without_mistakes(cfg):
    assert unread_keys(cfg) == []


MISTAKES = [
    ('modle', 'the runner', 'model'),
    ('train_datalaoder', 'the runner', 'train_dataloader'),
    ('custom_hook', 'the runner', 'custom_hooks'),
    ('env_cfg.cudnn_benchmrk', 'MMEngine', 'cudnn_benchmark'),
    ('auto_scale_lr.enabled', 'MMEngine', 'enable'),
    ('default_hooks.chekpoint', 'MMEngine', 'checkpoint'),
    ('train_dataloader.num_worker', 'MMEngine', 'num_workers'),
    ('train_dataloader.sampler.shufle', 'DefaultSampler', 'shuffle'),
    ('train_dataloader.dataset.audio_noise_sdt', 'AVDigitsDataset',
     'audio_noise_std'),
    ('train_dataloader.dataset.pipeline.0.colect_keys', 'PackActionInputs',
     'collect_keys'),
    ('train_cfg.max_epoch', 'MMEngine', 'max_epochs'),
    ('optim_wrapper.clip_grads', 'MMEngine', 'clip_grad'),
    ('optim_wrapper.optimizer.weigth_decay', 'SGD', 'weight_decay'),
    ('optim_wrapper.paramwise_cfg.bias_lr_mul',
     'the optim wrapper constructor', 'bias_lr_mult'),
    ('param_scheduler.0.milestone', 'MultiStepLR', 'milestones'),
    ('model.head.num_clases', 'ConcatHead', 'num_classes'),
    # Of the class that it inherits from.
    ('model.data_preproccesor', 'MultimodalRecognizer', 'data_preprocessor'),
    ('model.encoders.pix.backbone.channel', 'MLPBackbone', 'channels'),
]


@pytest.mark.parametrize('key, reader, meant', MISTAKES)
def test_a_mistyped_key_is_told(cfg, key, reader, meant):
    told = f'{reader} does not read {key}; did you mean {meant}?'
    # In a file: a warning.
    changed = Config(cfg.to_dict())
    changed.merge_from_dict({key: 1})
    assert unread_keys(changed) == [told]
    # On the command line: refused.
    with pytest.raises(UsageError) as refused:
        refuse_near_misses(cfg, {'load_from': 'a.pth', key: 1})
    assert str(refused.value) == f'--cfg-options {key}: {told}'


@pytest.mark.parametrize('option, meant', [
    ('train_datalaoder.batch_size', 'train_dataloader'),
    ('model.encoders.pxi.feat_channels', 'pix'),
    ('model.encoders.pix.feat_channel', 'feat_channels'),
    ('model.encoders.pix.backbon.channels', 'backbone'),
    ('pipe.modle.num_clases', 'model'),
    ('default_hooks.chekpoint.interval', 'checkpoint'),
])
def test_a_near_miss_on_the_command_line(cfg, option, meant):
    with pytest.raises(UsageError, match=f'did you mean {meant}[?]'):
        refuse_near_misses(cfg, {option: 1})


@pytest.mark.parametrize('option', [
    'model.head.num_classes', 'model.init_cfg', 'a', 'a.b', 'work_dir',
    'train_dataloader.pin_memory', 'train_dataloader.dataset.indices',
    'optim_wrapper.optimizer.momentum', 'optim_wrapper.clip_grad.max_norm',
    'optim_wrapper.constructor', 'param_scheduler.0.gamma',
    'param_scheduler.7.gamma', 'param_scheduler.x', 'max_epochs.0',
    'default_hooks.summary.type', 'default_hooks.timer.type',
    'custom_hooks', 'model.encoders.mor.feat_channels', 'randomness.seed',
    'train_dataloader.dataset.pipeline.0._scope_', 'pipe.other',
])
def test_other_overrides_are_not_refused(cfg, option):
    """Right ones, new ones, and what MMEngine itself refuses better."""
    refuse_near_misses(cfg, {option: 1})


def test_overrides_of_a_type_that_is_overridden_too(cfg):
    cfg.model.head.fc_std = .1
    cfg.model.head.hidden_channel = 4
    mlp = {'model.head.type': 'mmbalance_plugin.MLPHead',
           'model.head.hidden_channels': 8}
    refuse_near_misses(cfg, mlp)
    del mlp['model.head.type']
    with pytest.raises(UsageError, match='ConcatHead does not read'):
        refuse_near_misses(cfg, mlp)


def test_classes_of_custom_imports_are_known(cfg, tmp_path, monkeypatch):
    (tmp_path / 'key_parts.py').write_text("""
from mmbalance_plugin.registry import MODELS


@MODELS.register_module()
class KeyHead:

    def __init__(self, width, widths=None):
        pass
""")
    monkeypatch.syspath_prepend(tmp_path)
    cfg.custom_imports = dict(imports=['key_parts'])
    cfg.model.head = dict(type='mmbalance_plugin.KeyHead', width=3)
    refuse_near_misses(cfg, {'model.head.widths': 1})
    with pytest.raises(UsageError, match='KeyHead does not read'):
        refuse_near_misses(cfg, {'model.head.widhts': 1})


def test_custom_keys_that_fit_no_weight():
    model = torch.nn.ModuleDict(dict(encoders=torch.nn.Linear(1, 1)))
    keys = [dict(optim_wrapper=dict(paramwise_cfg=dict(custom_keys={
        key: dict(lr_mult=.1)}))) for key in ('encoders', 'encodr', 'had')]
    told = unmatched_keys(Config(dict(
        keys[1], train_cfg=dict(stages=[keys[0], keys[2], {}]))), model)
    assert told == [f'paramwise_cfg.custom_keys: no weight has {key!r} in its '
                    'name; the first one is called encoders.weight'
                    for key in ('encodr', 'had')]


def test_a_method_that_is_inherited_but_not_used(tmp_path, capsys):
    inherits = ("_base_ = ['mmbalance_plugin::joint_av_digits.py',\n"
                "    'mmbalance_plugin::_base_/methods/%s.py']\n")
    for method, uses, name in (
            ('ogm_ge', 'optim_wrapper = dict(**_base_.ogm, alpha=.3)', 'ogm'),
            ('pmr', 'train_cfg = dict(stages=[dict(name="joint", '
             'objective=_base_.pmr)])', 'pmr')):
        file = tmp_path / 'mine.py'
        file.write_text(inherits % method)
        told, = unused_parts(Config.fromfile(file))
        assert told.startswith(f'nothing uses "{name}" of {method}.py')
        launch.load_config(file)
        assert f'warning: {file}: {told}' in capsys.readouterr().err
        file.write_text(inherits % method + uses)
        assert unused_parts(Config.fromfile(file)) == []


def test_every_shipped_config_is_free_of_them(capsys):
    files = [*(ROOT / 'configs').glob('*.py'),
             *sorted(MMACTION.glob('**/*.py'))[::12]]
    for file in files:
        if '_base_' not in file.parts:
            assert unread_keys(launch.load_config(file)) == [], file
            assert capsys.readouterr().err == '', file
