"""Diagnosing & Re-learning in whole runs."""
import copy

import pytest
import torch
from mmengine.dist import get_rank

from mmbalance_plugin.engine.hooks import RelearningHook
from mmbalance_plugin.registry import HOOKS
from tests.dist_utils import run_ranks
from tests.engine.digits import assert_same, digits_cfg, train, weights

_SEEN = []


@HOOKS.register_module()
class WatchedRelearningHook(RelearningHook):
    """Keeps what it found and what it changed."""

    def set_back(self, runner, model, strengths):
        state = runner.optim_wrapper.optimizer.state
        before = copy.deepcopy(model.state_dict())
        momentum = {
            n: state[p]['momentum_buffer'].clone()
            for n, p in model.named_parameters()
        }
        initial = model.initial_weights(('encoders', ))
        super().set_back(runner, model, strengths)
        after = {
            n: state[p]['momentum_buffer'].clone()
            for n, p in model.named_parameters()
        }
        _SEEN.append((strengths, before, copy.deepcopy(model.state_dict()),
                      momentum, after, initial))


def cfg(work_dir, epochs=3, watched=False, **options):
    hook = dict(type='mmbalance_plugin.RelearningHook', interval=1, **options)
    if watched:
        hook['type'] = 'mmbalance_plugin.WatchedRelearningHook'
    return digits_cfg(
        work_dir,
        dict(max_epochs=epochs),
        head='ConcatHead',
        n_train=96,
        n_val=64,
        custom_hooks=[hook])


@pytest.mark.parametrize('momentum', ['scale', 'clear', 'keep'])
def test_encoders_move_towards_their_initial_weights(tmp_path, momentum):
    _SEEN.clear()
    runner = train(
        cfg(tmp_path, watched=True, lam=5., times=1, momentum=momentum))
    (strengths, before, after, old, new, initial), = _SEEN
    assert set(strengths) == {'audio', 'visual'}
    assert 0 < max(strengths.values()) < 1
    for name in before:
        part = name.split('.')
        trained = name in old
        if part[0] == 'encoders' and trained:
            a = strengths[part[1]]
            torch.testing.assert_close(
                after[name], (1 - a) * before[name] + a * initial[name])
            factor = dict(scale=1 - a, clear=0., keep=1.)[momentum]
            torch.testing.assert_close(new[name], factor * old[name])
        else:  # the head, and BatchNorm's statistics
            assert torch.equal(after[name], before[name]), name
            assert not trained or torch.equal(new[name], old[name])
    assert runner.hooks and not torch.equal(
        before['encoders.audio.backbone.stages.0.conv.weight'],
        initial['encoders.audio.backbone.stages.0.conv.weight'])


def test_without_strength_it_is_joint_training(tmp_path):
    plain = digits_cfg(
        tmp_path / 'plain',
        dict(max_epochs=2),
        head='ConcatHead',
        n_train=96,
        n_val=64)
    assert_same(
        weights(train(cfg(tmp_path / 'hook', epochs=2, lam=0.))),
        weights(train(plain)))


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    keep = dict(
        checkpoint=dict(
            type='mmbalance_plugin.AtomicCheckpointHook',
            interval=1,
            max_keep_ckpts=-1,
            save_best='acc/top1'))
    whole = train(_with(cfg(tmp_path / 'whole', lam=5.), keep))
    again = _with(cfg(tmp_path / 'again', lam=5.), keep)
    again.load_from = str(tmp_path / 'whole' / 'epoch_1.pth')
    again.resume = True
    assert_same(weights(whole), weights(train(again)))


def _with(config, hooks):
    config.merge_from_dict(dict(default_hooks=hooks))
    return config


def rank_run(folder):
    config = cfg(f'{folder}/{get_rank()}', epochs=2, lam=5.)
    config.launcher = 'pytorch'
    return weights(train(config))


def test_ranks_stay_alike(tmp_path):
    first, second = run_ranks(rank_run, 2, str(tmp_path))
    assert_same(first, second)


def test_options_are_checked(tmp_path):
    with pytest.raises(ValueError, match='interval'):
        RelearningHook(interval=0)
    with pytest.raises(ValueError, match='momentum'):
        RelearningHook(momentum='forget')
    config = cfg(tmp_path)
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        config[key] = None
    with pytest.raises(ValueError, match='compares training with'):
        train(config)
