"""``summary.json``: the contract, what is counted, what is selected."""
import re

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from mmbalance_plugin.compat import find_latest_checkpoint
from mmbalance_plugin.engine.hooks.summary_hook import format_table
from mmbalance_plugin.evaluation import load_predictions, top1_accuracy
from tests.engine.digits import (
    assert_same,
    digits_cfg,
    train,
    weights,
)
from tests.engine.hooks.summary_utils import SMALL, summary_of
from tests.engine.toy_run import toy_runner

ALONE = [dict(name=m, train=[m]) for m in ('audio', 'visual')]
KEYS = ['config', 'seed', 'commit', 'anchor', 'stages', 'val', 'test', 'cost']
COST = [
    'optimizer_steps', 'estimator_steps', 'encoder_samples', 'wall_seconds',
    'peak_memory_bytes', 'params_train', 'params_inference',
    'flops_inference'
]


def plain_cfg(folder, epochs=3, **kwargs):
    """A joint run in mmengine's own loop."""
    cfg = digits_cfg(
        folder,
        dict(type='EpochBasedTrainLoop', max_epochs=epochs),
        head='ConcatHead',
        n_train=160,
        n_val=32,
        **kwargs)
    cfg.param_scheduler = None
    return cfg


@pytest.fixture(scope='module')
def udi(tmp_path_factory):
    cfg = digits_cfg(
        tmp_path_factory.mktemp('udi') / 'run',
        dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=2), **SMALL)
    return train(cfg)


def test_all_keys_of_the_contract(udi):
    summary = summary_of(udi)
    assert set(KEYS) <= set(summary)
    assert list(summary['val']) == ['last', 'best']
    assert list(summary['cost']) == COST
    assert summary['seed'] == 0
    assert summary['anchor'] in ('audio', 'visual')
    # None where the package is no checkout
    assert re.fullmatch(r'[0-9a-f]{12}\+?|None', str(summary['commit']))
    names = [stage['name'] for stage in summary['stages']]
    assert names[:2] == ['unimodal_audio', 'unimodal_visual']
    assert names[2].startswith('follower_') and len(names) == 3
    for split in (summary['val']['last'], summary['val']['best'],
                  summary['test']):
        for metric in ('top1', 'mean1', 'macro_f1', 'mAP'):
            for suffix in ('', '_audio', '_visual'):
                value = split[f'acc/{metric}{suffix}']
                assert type(value) is float and 0 <= value <= 1


def test_parameters_in_training_and_at_inference(udi):
    cost = summary_of(udi)['cost']
    model = sum(p.numel() for p in udi.model.parameters())
    estimator = sum(
        p.numel()
        for p in udi.train_loop.guidance.losses['com'].parameters())
    assert cost['params_inference'] == model
    assert cost['params_train'] == model + estimator > model


def test_what_the_chosen_weights_said_of_each_sample(udi):
    summary, kept = summary_of(udi), load_predictions(udi.work_dir)
    assert list(kept) == ['val', 'test']
    for split, scores in (('val', summary['val']['best']),
                          ('test', summary['test'])):
        dataset = getattr(udi, f'{split}_dataloader').dataset
        seen = kept[split]
        assert seen.targets.tolist() == dataset.labels.tolist()
        assert seen.ids['recording'].tolist() == \
            dataset.ids['recording'].tolist()
        for suffix in ('', '_audio', '_visual'):
            rows = seen.of_suffix(suffix)
            np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
            assert top1_accuracy(rows, seen.targets) == \
                scores[f'acc/top1{suffix}']


def test_operations_of_one_sample(udi):
    def encoder(height, width):
        flops = 0
        for before, after in ((1, 8), (8, 16)):  # strides of two
            height, width = -(-height // 2), -(-width // 2)
            flops += 2 * height * width * 9 * before * after
        return flops

    # Asked for the fused prediction and for each alone.
    heads = 2 * (2 * 2 * 16 * 10)
    assert summary_of(udi)['cost']['flops_inference'] == (
        encoder(13, 32) + encoder(28, 28) + heads)


def test_time_and_memory_are_those_of_the_run(udi):
    cost = summary_of(udi)['cost']
    stages = sum(s['seconds'] for s in summary_of(udi)['stages'])
    assert cost['wall_seconds'] >= stages > 0
    assert 50 * 2**20 < cost['peak_memory_bytes'] < 64 * 2**30


def test_the_config_file_is_named(tmp_path):
    cfg = digits_cfg(tmp_path / 'run', dict(max_epochs=1), **SMALL)
    cfg.dump(tmp_path / 'mine.py')
    runner = train(type(cfg).fromfile(tmp_path / 'mine.py'))
    assert summary_of(runner)['config'] == str(tmp_path / 'mine.py')


# ---- what is counted -------------------------------------------------------
@pytest.mark.parametrize('every, updates', [(1, 5), (2, 3), (5, 1), (7, 1)])
def test_steps_are_updates_not_iterations(tmp_path, every, updates):
    """Five batches an epoch; what is left over is an update of its own."""
    cfg = digits_cfg(
        tmp_path / 'run', dict(max_epochs=2), head='ConcatHead', n_train=160,
        n_val=32)
    cfg.optim_wrapper.accumulative_counts = every
    taken = []
    runner = Runner.from_cfg(cfg)

    class Count(Hook):

        def before_stage(self, runner, stage):
            step = runner.optim_wrapper.optimizer.step
            runner.optim_wrapper.optimizer.step = lambda *a, **k: (
                taken.append(1), step(*a, **k))

    runner.register_hook(Count())
    runner.train()
    cost = summary_of(runner)['cost']
    assert cost['optimizer_steps'] == len(taken) == 2 * updates
    assert cost['encoder_samples'] == dict(audio=320, visual=320)


def test_leftover_batches_weigh_as_one_update_of_their_mean(tmp_path):
    """Three batches, two an update: the third alone has its full weight."""
    results = []
    for batch_size, every in ((32, 2), (64, 1)):
        cfg = digits_cfg(
            tmp_path / f'{every}',
            dict(max_epochs=2),
            head='ConcatHead',
            norm=False,
            n_train=96,
            n_val=32,
            batch_size=batch_size)
        cfg.optim_wrapper.accumulative_counts = every
        cfg.param_scheduler = None
        results.append(weights(train(cfg)))
    for key, value in results[0].items():
        torch.testing.assert_close(value, results[1][key])


class Stop(Hook):
    """Ends a run as an exception would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def before_train_epoch(self, runner):
        if runner.epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize('make', [
    plain_cfg, lambda folder: digits_cfg(
        folder, dict(max_epochs=3), head='ConcatHead', **SMALL)
])
def test_counters_go_on_after_a_resume(tmp_path, make):
    whole = summary_of(train(make(tmp_path / 'whole')))
    runner = Runner.from_cfg(make(tmp_path / 'run'))
    runner.register_hook(Stop(2))
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    path = find_latest_checkpoint(tmp_path / 'run')
    before = torch.load(path, weights_only=True)['run_summary']
    MessageHub._instance_dict.clear()  # as in a process of its own
    cfg = make(tmp_path / 'run')
    cfg.resume = True
    resumed = summary_of(train(cfg))
    assert resumed['cost']['wall_seconds'] > before['seconds'] > 0
    assert resumed['cost']['peak_memory_bytes'] >= before['peak'] > 0
    for summary in (whole, resumed):
        for key in ('wall_seconds', 'peak_memory_bytes'):
            del summary['cost'][key]
        for stage in summary['stages']:
            del stage['seconds']
    assert resumed == whole


def test_saving_by_hand_needs_no_training(tmp_path):
    runner = Runner.from_cfg(plain_cfg(tmp_path / 'run'))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.save_checkpoint(
        str(tmp_path), 'a.pth', save_optimizer=False,
        save_param_scheduler=False)
    saved = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert saved['run_summary']['seconds'] == 0


# ---- what is selected and tested ------------------------------------------
def test_a_loop_without_stages_tests_its_best_checkpoint(tmp_path):
    runner = train(plain_cfg(tmp_path / 'run', epochs=5))
    summary = summary_of(runner)
    path = runner.message_hub.get_info('best_ckpt')
    score = runner.message_hub.get_info('best_score')
    assert summary['val']['best']['acc/top1'] == score
    assert summary['stages'] == [] and summary['anchor'] is None
    assert_same(
        dict(torch.load(path, weights_only=True)['state_dict']),
        weights(runner))
    # what the summary calls test is that file's accuracy
    cfg = plain_cfg(tmp_path / 'again')
    cfg.load_from = path
    metrics = Runner.from_cfg(cfg).test()
    assert summary['test'] == {k: float(v) for k, v in metrics.items()}


def test_averaged_weights_are_tested_where_they_were_selected(tmp_path):
    """With EMAHook the best file's weights are the average of its epoch."""
    cfg = plain_cfg(tmp_path / 'run', epochs=4)
    cfg.custom_hooks = [dict(type='EMAHook', momentum=.9)]

    class Spoil(Hook):

        def before_train_epoch(self, runner):
            if runner.epoch == 3:
                for value in runner.model.parameters():
                    value.data.zero_()

    runner = Runner.from_cfg(cfg)
    runner.register_hook(Spoil())
    runner.train()
    path = runner.message_hub.get_info('best_ckpt')
    cfg = plain_cfg(tmp_path / 'again')
    cfg.load_from = path
    metrics = Runner.from_cfg(cfg).test()
    summary = summary_of(runner)
    assert summary['val']['best'] != summary['val']['last']
    assert summary['test'] == {k: float(v) for k, v in metrics.items()}
    assert summary['val']['best']['acc/top1'] == \
        runner.message_hub.get_info('best_score')


def test_best_and_last_differ_where_the_last_epoch_was_not_the_best(tmp_path):

    class Spoil(Hook):
        """The last epoch is worse than any other."""

        def before_val_epoch(self, runner):
            if runner.epoch == 3:
                for value in runner.model.head.parameters():
                    value.data.zero_()

    runner = Runner.from_cfg(plain_cfg(tmp_path / 'run', epochs=3))
    hook = Spoil()
    runner.register_hook(hook)
    hook.after_train = lambda runner: runner._hooks.remove(hook)
    runner.train()
    val = summary_of(runner)['val']
    assert val['best']['acc/top1'] > val['last']['acc/top1']


def test_without_a_best_checkpoint_nothing_is_tested(tmp_path):
    cfg = plain_cfg(tmp_path / 'run', epochs=1)
    cfg.default_hooks.checkpoint.save_best = None
    runner = train(cfg)
    summary = summary_of(runner)
    assert summary['val']['best'] == {} and summary['test'] == {}
    assert 0 <= summary['val']['last']['acc/top1'] <= 1
    log = open(runner.logger.handlers[-1].baseFilename).read()
    assert 'nothing was selected' in log


@pytest.mark.parametrize('loop', ['EpochBasedTrainLoop', None])
def test_without_validation_nothing_is_tested(tmp_path, loop):
    cfg = plain_cfg(tmp_path / 'run', epochs=1)
    if loop is None:
        cfg.train_cfg = dict(
            type='mmbalance_plugin.StagedTrainLoop', max_epochs=1)
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        cfg[key] = None
    runner = Runner.from_cfg(cfg)
    tested = []
    hook = Hook()
    hook.before_test = tested.append
    runner.register_hook(hook)
    runner.train()
    summary = summary_of(runner)
    assert summary['val'] == dict(last={}, best={})
    assert summary['test'] == {} and tested == []
    assert summary['cost']['optimizer_steps'] == 5
    assert 'fused' not in format_table(summary)


def test_test_data_is_seen_once_and_last(tmp_path):
    seen = []

    class Watch(Hook):

        def before_val(self, runner):
            seen.append('val')

        def before_test(self, runner):
            seen.append('test')

    runner = Runner.from_cfg(
        digits_cfg(tmp_path / 'run', dict(max_epochs=1, stages=ALONE),
                   **SMALL))
    runner.register_hook(Watch())
    runner.train()
    assert seen == ['val', 'val', 'val', 'test']


def test_any_model_in_any_loop_gets_a_summary(tmp_path):
    """No modalities, no fused accuracy, an iteration-based loop."""
    runner = toy_runner(
        tmp_path / 'run',
        dict(
            type='mmbalance_plugin.AtomicCheckpointHook',
            by_epoch=False,
            interval=2,
            save_best='acc'),
        script=[dict(acc=.25), dict(acc=.5), dict(acc=.5)],
        by_epoch=False,
        epochs=4,
        custom_hooks=[dict(type='mmbalance_plugin.SummaryHook')])
    runner.train()
    summary = summary_of(runner)
    assert summary['val'] == dict(last=dict(acc=.5), best=dict(acc=.5))
    assert summary['cost']['optimizer_steps'] == 4
    assert summary['cost']['encoder_samples'] == {}
