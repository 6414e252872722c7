"""Stages as data: defaults, and errors that name the stage."""
import pytest
import torch

from mmbalance_plugin.engine.loops import Stage, StageProgress
from tests.models.recognizers.toy import build

MODALITIES = ('rgb', 'flow', 'sound')


def stage(**cfg):
    model = build(MODALITIES, cfg.pop('head', 'DecisionHead'))
    return Stage.from_cfg(dict(name='s', **cfg), model, epochs=5)


def test_defaults_of_a_stage_that_trains_everything():
    s = stage()
    assert s.train == MODALITIES
    assert (s.objective_name, s.monitor, s.epochs) == ('fused', 'acc/top1',
                                                       5)


def test_defaults_of_a_stage_that_trains_one_modality():
    s = stage(train='flow')
    assert s.train == ('flow', )
    assert (s.objective_name, s.monitor) == ('unimodal', 'acc/top1_flow')


def test_trained_modalities_stand_in_the_models_order():
    assert stage(train=['sound', 'rgb']).train == ('rgb', 'sound')


def test_parts_train_towards_the_models_own_objective():
    s = stage(train=['head'], head='ConcatHead')
    assert (s.objective_name, s.monitor) == ('fused', 'acc/top1')
    terms = [dict(type='mmbalance_plugin.FusedLoss'),
             dict(type='mmbalance_plugin.UnimodalLoss')]
    s = stage(train='encoders.flow', objective=terms)
    assert s.objective_name == 'FusedLoss + UnimodalLoss'


@pytest.mark.parametrize('cfg, words', [
    (dict(train=['smell']), ['smell', 'sound']),
    (dict(epoch=3), ['epoch', 'epochs']),
    (dict(objective='both'), ['both', 'unimodal']),
    (dict(keep='all'), ['all', 'best']),
    (dict(epochs=0), ['epochs', '0']),
    (dict(train=[]), ['[]']),
    (dict(early_stopping=dict(patience=0)), ['patience']),
])
def test_errors_name_the_value_and_what_is_allowed(cfg, words):
    with pytest.raises(ValueError) as error:
        stage(**cfg)
    for word in words:
        assert word in str(error.value)


def run(progress, s, scores):
    """Feed validations; return the epochs that were the best so far."""
    best = []
    for score in scores:
        progress.epoch += 1
        weights = dict(w=torch.tensor([float(progress.epoch)]))
        if progress.update(s, {s.monitor: score}, weights):
            best.append(progress.epoch)
    return best


def test_best_weights_are_those_of_the_first_best_epoch():
    progress = StageProgress()
    s = stage(train='rgb')
    assert run(progress, s, [.2, .5, .5, .4, .6, .6]) == [1, 2, 5]
    assert progress.best_weights['w'].item() == 5
    assert progress.best_score == .6


def test_rule_less_prefers_small_values():
    s = stage(monitor='loss', rule='less')
    assert run(StageProgress(), s, [.5, .6, .4]) == [1, 3]


def test_nan_never_is_the_best():
    progress = StageProgress()
    nan = float('nan')
    assert run(progress, stage(), [nan, .3, nan]) == [2]


def test_best_weights_are_copies():
    progress, weights = StageProgress(), dict(w=torch.zeros(1))
    progress.update(stage(), {'acc/top1': .1}, weights)
    weights['w'] += 1
    assert progress.best_weights['w'].item() == 0


def test_early_stopping_counts_validations_without_improvement():
    s = stage(early_stopping=dict(patience=2, min_delta=.05))
    progress = StageProgress()
    run(progress, s, [.5, .6, .62])
    assert not progress.exhausted(s)  # .62 is better, but not by enough
    run(progress, s, [.63])
    assert progress.exhausted(s)


def test_small_steps_add_up_to_an_improvement():
    """Each is below min_delta; the best creeps, what counts does not."""
    s = stage(early_stopping=dict(patience=2, min_delta=.05))
    progress = StageProgress()
    for score in (.50, .53, .56, .59, .62):
        run(progress, s, [score])
        assert not progress.exhausted(s), score
    run(progress, s, [.63, .64])
    assert progress.exhausted(s)
    assert progress.best_score == .64


def test_missing_metric_is_an_error_that_lists_what_there_is():
    with pytest.raises(KeyError, match='acc/top1_rgb.*acc/top1'):
        StageProgress().update(stage(train='rgb'), {'acc/top1': .5}, {})


def test_state_survives_a_safe_load(tmp_path):
    progress, s = StageProgress(), stage(early_stopping=dict(patience=3))
    run(progress, s, [.2, .5, .1])
    torch.save(progress.state_dict(), tmp_path / 'state.pth')
    other = StageProgress()
    other.load_state_dict(
        torch.load(tmp_path / 'state.pth', weights_only=True))
    assert other.best_weights['w'].item() == 2
    assert other.waited == 1 and other.epoch == 3
    assert other.record(s) == progress.record(s)
