"""State in checkpoints, buffers of the parts that train, hooks refused."""
import pytest
import torch
from mmengine.hooks import Hook, SyncBuffersHook
from mmengine.runner import Runner

from mmbalance_plugin.compat import find_latest_checkpoint
from mmbalance_plugin.engine.hooks import AtomicCheckpointHook, SummaryHook
from mmbalance_plugin.engine.loops import stage_hooks
from mmbalance_plugin.engine.loops.stage_hooks import (
    StageStateHook,
    StageSyncBuffersHook,
)
from tests.engine.digits import digits_cfg, train

ALONE = [dict(name=m, train=[m]) for m in ('audio', 'visual')]
SMALL = dict(n_train=64, n_val=32)


def cfg_of(folder, stages=ALONE, **kwargs):
    return digits_cfg(
        folder / 'run', dict(max_epochs=1, stages=stages), **SMALL, **kwargs)


class Loop:
    """What the state hook needs of a loop."""

    done = False

    def __init__(self):
        self.loaded, self.taken = [], []

    def state_dict(self):
        return dict(stage_index=1)

    def load_state_dict(self, state):
        self.loaded.append(state)

    def take_validation(self, metrics):
        self.taken.append(metrics)


class FakeRunner:

    param_schedulers = None

    def __init__(self, resume):
        self._resume = resume


def test_the_loops_state_goes_into_checkpoints_and_back():
    loop = Loop()
    hook, checkpoint = StageStateHook(loop), dict(state_dict={})
    hook.before_save_checkpoint(None, checkpoint)
    assert checkpoint['staged_loop'] == dict(stage_index=1)
    hook.after_load_checkpoint(
        FakeRunner(True), dict(checkpoint, optimizer={}))
    assert loop.loaded == [dict(stage_index=1)]


def test_weights_alone_leave_the_loop_as_it_is():
    """load_from reads the weights of a checkpoint, not where it stood."""
    loop = Loop()
    StageStateHook(loop).after_load_checkpoint(
        FakeRunner(False), dict(staged_loop=dict(stage_index=1)))
    assert loop.loaded == []


def test_resume_from_another_loop_says_what_to_do_instead():
    with pytest.raises(ValueError, match="'staged_loop'.*load_from"):
        StageStateHook(Loop()).after_load_checkpoint(
            FakeRunner(True), dict(state_dict={}))


def test_order_of_the_hooks_that_see_a_validation(tmp_path):
    """Loop, then summary, then checkpoints, which save what they say."""
    runner = train(cfg_of(tmp_path))
    wanted = (StageStateHook, SummaryHook, AtomicCheckpointHook)
    kinds = [type(h) for h in runner._hooks if isinstance(h, wanted)]
    assert kinds == list(wanted)


def test_a_checkpoint_written_again_says_that_it_was_validated(tmp_path):
    """A better fused accuracy makes the epoch's checkpoint be rewritten."""
    states = []

    class Watch(Hook):
        priority = 'LOWEST'

        def before_save_checkpoint(self, runner, checkpoint):
            progress = checkpoint['staged_loop']['progress']
            states.append((progress['epoch'], progress['pending'],
                           progress['best_epoch'], progress['last_metrics'],
                           checkpoint['run_summary']['last_val']))

    cfg = digits_cfg(
        tmp_path / 'run', dict(max_epochs=1), head='ConcatHead', **SMALL)
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Watch())
    runner.train()
    # the epoch's, the best one, the epoch's again
    assert [s[:3] for s in states] == [(1, True, 0), (1, False, 1),
                                       (1, False, 1)]
    assert states[0][3] == states[0][4] == {}
    assert states[2][3] == states[2][4] and 'acc/top1' in states[2][4]


def test_the_sync_buffers_hook_is_exchanged_in_place(tmp_path):
    cfg = cfg_of(tmp_path)
    cfg.default_hooks.sync_buffers.priority = 'LOW'
    runner = Runner.from_cfg(cfg)
    before = [type(h) for h in runner._hooks].index(SyncBuffersHook)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    kinds = [type(h) for h in runner._hooks]
    assert SyncBuffersHook not in kinds
    assert kinds.index(StageSyncBuffersHook) == before + 1  # the state hook
    hook = runner._hooks[before + 1]
    assert hook.priority == 'LOW'


@pytest.mark.parametrize('stages, prefixes', [
    (ALONE, [('encoders.audio.', ), ('encoders.visual.', )]),
    ([dict(name='joint')], [('encoders.', 'data_preprocessor', 'head')]),
])
def test_only_buffers_of_trained_parts_are_averaged(
        tmp_path, monkeypatch, stages, prefixes):
    averaged = []
    monkeypatch.setattr(stage_hooks, 'is_distributed', lambda: True)
    monkeypatch.setattr(
        stage_hooks, 'all_reduce_params', lambda buffers, op: averaged.append(
            ([id(b) for b in buffers], op)))
    runner = train(cfg_of(tmp_path, stages))
    assert len(averaged) == len(prefixes)  # once an epoch
    for (ids, op), kept in zip(averaged, prefixes):
        assert op == 'mean'
        assert len(ids) == len(set(ids)) > 0
        assert set(ids) == {
            id(value)
            for name, value in runner.model.named_buffers()
            if name.startswith(kept)
        }


def test_mmengine_does_not_average_again_before_validation():
    """Its hook would, over all buffers, where an epoch had no training."""
    hook = StageSyncBuffersHook()
    hook.after_train_epoch(None)
    assert hook.called_in_train
    hook.before_val_epoch(None)
    assert not hook.called_in_train


def test_a_run_told_to_stop_is_over_for_its_checkpoint_too(tmp_path):

    class Stop(Hook):

        def after_train_epoch(self, runner):
            runner.train_loop.stop_training = True

    runner = Runner.from_cfg(cfg_of(tmp_path))
    runner.register_hook(Stop())
    runner.train()
    assert [r['name'] for r in runner.train_loop.records] == ['audio']
    path = find_latest_checkpoint(tmp_path / 'run')
    state = torch.load(path, weights_only=True)['staged_loop']
    assert state['stage_index'] == 2 and len(state['records']) == 1


@pytest.mark.parametrize('hook, message', [
    (dict(type='EMAHook'), 'EpochBasedTrainLoop'),
    (dict(type='EarlyStoppingHook',
          monitor='acc/top1'), r'early_stopping=dict\(patience'),
    (dict(type='CheckpointHook', by_epoch=False,
          interval=3), 'by_epoch=True'),
    (dict(
        type='mmbalance_plugin.AtomicCheckpointHook',
        by_epoch=False,
        interval=3), 'by_epoch=True'),
])
def test_hooks_that_do_not_fit_stages_are_refused(tmp_path, hook, message):
    cfg = cfg_of(tmp_path)
    cfg.custom_hooks = [hook]
    with pytest.raises(ValueError, match=message):
        train(cfg)


@pytest.mark.parametrize('interval', [1, 2])
def test_mmengines_own_checkpoint_hook_works_in_stages(tmp_path, interval):
    """Its files are resumed from like ours; best ones it keeps by name."""
    cfg = digits_cfg(
        tmp_path / 'run', dict(max_epochs=3), head='ConcatHead', **SMALL)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=interval, save_best='acc/top1')
    runner = train(cfg)
    path = find_latest_checkpoint(tmp_path / 'run')
    state = torch.load(path, weights_only=True)['staged_loop']
    assert state['progress']['epoch'] == 3
    assert runner.message_hub.get_info('best_ckpt')
