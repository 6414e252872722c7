"""What the flags of the tools make of a config."""
import os
from pathlib import Path

import pytest
from mmengine.config import Config

from mmbalance_plugin.cli import launch


def test_no_flags(config, train_cfg_of):
    cfg = train_cfg_of('toy.py')
    assert cfg.work_dir == os.path.join('.', 'work_dirs', 'toy')
    assert cfg.launcher == 'none'
    assert cfg.randomness.seed == 7
    assert 'resume' not in cfg
    assert os.environ['LOCAL_RANK'] == '0'


def test_flags(config, train_cfg_of):
    cfg = train_cfg_of(
        'toy.py', '--work-dir', 'elsewhere', '--seed', 3, '--deterministic',
        '--no-validate', '--cfg-options', 'train_cfg.max_epochs=5',
        'auto_scale_lr.base_batch_size=8', '--auto-scale-lr', '--launcher',
        'pytorch', '--local-rank', 1)
    assert cfg.work_dir == 'elsewhere'
    assert cfg.randomness == dict(seed=3, deterministic=True)
    assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
    assert cfg.train_cfg.max_epochs == 5
    assert cfg.auto_scale_lr == dict(base_batch_size=8, enable=True)
    assert cfg.launcher == 'pytorch'
    assert os.environ['LOCAL_RANK'] == '1'


@pytest.mark.parametrize('flags, load_from', [
    (['--resume'], None),
    (['--resume', 'a.pth'], 'a.pth'),
])
def test_resume(config, train_cfg_of, flags, load_from):
    cfg = train_cfg_of('toy.py', *flags)
    assert cfg.resume is True
    assert cfg.load_from == load_from


@pytest.mark.parametrize('there, resume, load_from', [
    (False, False, 'start.pth'),
    (True, True, None),
])
def test_resume_of_a_run_that_starts_from_a_file(config, train_cfg_of, there,
                                                 resume, load_from):
    """Before the first checkpoint it starts from the file once more."""
    folder = Path('work_dirs/toy')
    if there:
        folder.mkdir(parents=True)
        (folder / 'epoch_1.pth').write_text('')
        (folder / 'last_checkpoint').write_text('epoch_1.pth')
    cfg = train_cfg_of('toy.py', '--resume', '--cfg-options',
                       'load_from=start.pth')
    assert (cfg.resume, cfg.load_from) == (resume, load_from)


@pytest.mark.parametrize('flags, word', [
    ([], '--overwrite'), (['--overwrite'], None), (['--resume'], None),
    (['--work-dir', 'other'], None), (['--cfg-options', 'overwrite=True'],
                                      None)])
def test_the_work_dir_of_a_finished_run(config, train_cfg_of, flags, word):
    """Refused before anything is built."""
    folder = Path('work_dirs/toy')
    folder.mkdir(parents=True)
    (folder / 'summary.json').write_text('{}')
    if word is None:
        cfg = train_cfg_of('toy.py', *flags)
        assert bool(cfg.get('overwrite')) == ('overwrite' in str(flags))
    else:
        with pytest.raises(ValueError, match=f'finished run.*{word}'):
            train_cfg_of('toy.py', *flags)


@pytest.mark.parametrize('flags, seed', [([], None), (['--seed', 3], 3)])
def test_a_config_that_says_nothing_of_randomness(config, train_cfg_of, flags,
                                                  seed):
    config.write_text(
        config.read_text().replace('randomness = dict(seed=7)', ''))
    cfg = train_cfg_of('toy.py', *flags)
    assert cfg.randomness == dict(seed=seed)


@pytest.mark.parametrize('before, after', [
    (None, 'AmpOptimWrapper'),
    ('OptimWrapper', 'AmpOptimWrapper'),
    ('AmpOptimWrapper', 'AmpOptimWrapper'),
    ('mmbalance_plugin.OGMOptimWrapper',
     'mmbalance_plugin.OGMAmpOptimWrapper'),
])
def test_amp(config, train_cfg_of, before, after):
    options = [f'optim_wrapper.type={before}'] if before else ['a=1']
    cfg = train_cfg_of('toy.py', '--amp', '--cfg-options', *options)
    assert cfg.optim_wrapper.type == after
    assert cfg.optim_wrapper.loss_scale == 'dynamic'
    assert cfg.optim_wrapper.optimizer.lr == 0.1


def test_amp_of_a_stage_with_its_own_wrapper():
    cfg = Config(
        dict(
            optim_wrapper=dict(type='OptimWrapper'),
            train_cfg=dict(stages=[
                dict(name='first'),
                dict(optim_wrapper=dict(optimizer=dict(lr=1))),
                dict(optim_wrapper=dict(type='OptimWrapper')),
            ])))
    launch.enable_amp(cfg)
    plain, partial, own = cfg.train_cfg.stages
    assert 'optim_wrapper' not in plain
    assert 'type' not in partial.optim_wrapper
    assert own.optim_wrapper.type == 'AmpOptimWrapper'
