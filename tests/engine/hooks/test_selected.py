"""One model is reported, and it is a file of the work dir."""
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmbalance_plugin.engine.hooks.selected import point_alias
from tests.engine.digits import assert_same, digits_cfg, train, weights
from tests.engine.hooks.summary_utils import SMALL, summary_of

ALONE = [dict(name=m, train=[m]) for m in ('audio', 'visual')]
# Three epochs of learning, and one whose weights are worse, and kept.
WORSE = [
    dict(name='joint', train='all', objective='fused', epochs=3),
    dict(
        name='worse',
        train='all',
        objective='fused',
        epochs=1,
        keep='last',
        optim_wrapper=dict(optimizer=dict(lr=30.)))
]
PLAIN = dict(type='EpochBasedTrainLoop', max_epochs=3)


def cfg_of(folder, loop, **kwargs):
    cfg = digits_cfg(
        folder, loop, n_train=160, n_val=48, batch_size=16, **kwargs)
    cfg.param_scheduler = None
    return cfg


def retested(cfg_like, path, folder):
    """What testing a file gives, in a run of its own."""
    cfg = cfg_like.copy()
    cfg.work_dir, cfg.load_from = str(folder), str(path)
    cfg.experiment_name = 'again'
    runner = Runner.from_cfg(cfg)
    metrics = runner.test()
    return {k: float(v) for k, v in metrics.items()}, weights(runner)


def assert_one_model(runner, cfg, folder):
    """Summary, alias, best files and the model itself say the same."""
    summary, work_dir = summary_of(runner), Path(runner.work_dir)
    named = work_dir / summary['checkpoint']
    alias = work_dir / 'best.pth'
    assert named.is_file() and not os.path.isabs(summary['checkpoint'])
    assert alias.resolve() == named.resolve()
    metrics, tested = retested(cfg, alias, folder)
    assert metrics == summary['test']
    assert_same(tested, weights(runner))
    for path in work_dir.glob('best_*.pth'):
        saved = torch.load(path, weights_only=True)['state_dict']
        assert_same(dict(saved), tested)
    validated = {k: float(v) for k, v in runner.val_loop.run().items()}
    assert validated == summary['val']['best']
    return summary


@pytest.mark.parametrize('loop, save_best', [
    (dict(max_epochs=2), 'acc/top1'),
    (dict(max_epochs=1, stages=ALONE), 'acc/top1_audio'),
    (dict(max_epochs=1, stages=ALONE), None),
    (dict(max_epochs=2, stages=WORSE), 'acc/top1'),
])
def test_what_is_tested_is_a_file(tmp_path, loop, save_best):
    cfg = cfg_of(tmp_path / 'run', loop)
    cfg.default_hooks.checkpoint.save_best = save_best
    runner = train(cfg.copy())
    assert_one_model(runner, cfg, tmp_path / 'again')


def test_a_worse_last_stage_is_what_the_run_ends_with(tmp_path):
    runner = train(cfg_of(tmp_path / 'run', dict(max_epochs=2, stages=WORSE)))
    summary = summary_of(runner)
    first, second = summary['stages']
    assert first['best_score'] > second['last']['acc/top1']
    assert summary['val']['best'] == summary['val']['last'] == second['last']
    names = sorted(f for f in os.listdir(runner.work_dir)
                   if f.endswith('.pth'))
    assert names == ['best.pth', 'best_acc_top1_epoch_4.pth', 'epoch_3.pth',
                     'epoch_4.pth']


def test_with_two_metrics_the_first_chooses(tmp_path):
    """MMEngine keeps the files of several under other names."""
    cfg = cfg_of(tmp_path / 'run', PLAIN)
    cfg.default_hooks.checkpoint.save_best = ['acc/top1_visual', 'acc/top1']
    runner = train(cfg.copy())
    summary = summary_of(runner)
    assert summary['checkpoint'].startswith('best_acc_top1_visual_epoch_')
    assert summary['val']['best']['acc/top1_visual'] == \
        runner.message_hub.get_info('best_score_acc/top1_visual')
    metrics, _ = retested(cfg, f'{runner.work_dir}/best.pth', tmp_path / 'b')
    assert metrics == summary['test'] != {}
    assert 'nothing is tested' not in log_of(runner)


def log_of(runner):
    return open(runner.logger.handlers[-1].baseFilename).read()


class Spoil(Hook):
    """The given epoch is validated with weights of zero."""

    def __init__(self, epoch):
        self.epoch = epoch

    def before_val_epoch(self, runner):
        if runner.epoch == self.epoch and runner.train_loop.records == []:
            for value in runner.model.head.parameters():
                value.data.zero_()


def test_last_and_best_are_each_of_one_set_of_weights(tmp_path):
    """A joint stage: the last epoch's, and the best one's."""
    runner = Runner.from_cfg(
        cfg_of(tmp_path / 'run', dict(max_epochs=3), head='ConcatHead'))
    runner.register_hook(Spoil(3))
    runner.train()
    summary = summary_of(runner)
    assert summary['val']['last'] == summary['stages'][0]['last']
    assert summary['val']['best'] != summary['val']['last']


def test_parts_trained_alone_have_no_last_model_but_the_assembled(tmp_path):
    runner = Runner.from_cfg(
        cfg_of(tmp_path / 'run', dict(max_epochs=2, stages=ALONE)))
    runner.register_hook(Spoil(1))
    runner.train()
    summary = summary_of(runner)
    assert summary['val']['last'] == summary['val']['best']
    assert 'acc/top1_audio' in summary['stages'][0]['last']


def test_the_alias_moves_with_its_folder(tmp_path):
    runner = train(
        digits_cfg(tmp_path / 'run', dict(max_epochs=1), **SMALL))
    before = torch.load(tmp_path / 'run/best.pth', weights_only=True)
    shutil.move(runner.work_dir, tmp_path / 'moved')
    after = torch.load(tmp_path / 'moved/best.pth', weights_only=True)
    assert_same(dict(before['state_dict']), dict(after['state_dict']))
    name = json.load(open(tmp_path / 'moved/summary.json'))['checkpoint']
    assert os.readlink(tmp_path / 'moved/best.pth') == name


def test_an_alias_is_a_copy_where_it_cannot_be_a_link(tmp_path, monkeypatch):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/a.pth').write_bytes(b'a')
    (tmp_path / 'b.pth').write_bytes(b'b')
    point_alias(str(tmp_path / 'run'), str(tmp_path / 'run/a.pth'))
    alias = tmp_path / 'run/best.pth'
    assert alias.is_symlink() and alias.read_bytes() == b'a'
    point_alias(str(tmp_path / 'run'), str(tmp_path / 'b.pth'))
    assert not alias.is_symlink() and alias.read_bytes() == b'b'

    def no_links(*_):
        raise OSError('not supported')

    monkeypatch.setattr(os, 'symlink', no_links)
    point_alias(str(tmp_path / 'run'), str(tmp_path / 'run/a.pth'))
    assert not alias.is_symlink() and alias.read_bytes() == b'a'
    assert sorted(p.name for p in (tmp_path / 'run').iterdir()) == [
        'a.pth', 'best.pth']
