"""What depends on a metric lives in every stage, or is told at the start."""
import bisect
import json

import pytest
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.registry import METRICS
from mmengine.runner import Runner

from tests.engine.digits import digits_cfg, encoder, train
from tests.engine.hooks.summary_utils import SMALL

ALONE = [dict(name=m, train=[m]) for m in ('audio', 'visual')]
PLATEAU = dict(
    type='ReduceOnPlateauLR',
    monitor='acc/top1',
    rule='greater',
    threshold=2.,  # nothing is ever better by this
    threshold_rule='abs',
    factor=.1,
    patience=0)


def cfg_of(folder, loop, **kwargs):
    return digits_cfg(folder / 'run', loop, **dict(SMALL, **kwargs))


def untrained(cfg, match):
    """The run ends with this message before its first step."""
    steps = []
    hook = Hook()
    hook.before_train_iter = lambda *args, **kwargs: steps.append(1)
    runner = Runner.from_cfg(cfg)
    runner.register_hook(hook)
    with pytest.raises((ValueError, KeyError), match=match):
        runner.train()
    assert not steps


# ---- schedules -------------------------------------------------------------
@pytest.mark.parametrize('loop', [
    dict(max_epochs=3, stages=ALONE),
    dict(
        type='mmbalance_plugin.UDITrainLoop', max_epochs=3, anchor='audio'),
])
def test_a_schedule_follows_the_modality_that_trains(tmp_path, loop):
    rates = {}
    hook = Hook()
    hook.before_train_epoch = lambda runner: rates.setdefault(
        runner.train_loop.stage.name, []).append(
            runner.optim_wrapper.get_lr()['lr'][0])
    cfg = cfg_of(tmp_path, loop)
    cfg.param_scheduler = [PLATEAU]
    runner = Runner.from_cfg(cfg)
    runner.register_hook(hook, 'LOWEST')
    runner.train()
    assert len(rates) == len(runner.train_loop.stages) > 1
    for found in rates.values():  # the second bad epoch lowers it
        assert found == pytest.approx([.05, .05, .005])
    monitors = [s.monitor for s in runner.param_schedulers]
    assert monitors == [runner.train_loop.stages[-1].monitor]


def test_a_schedule_that_nothing_leads_is_told_at_the_start(tmp_path):
    cfg = cfg_of(tmp_path, dict(max_epochs=1, stages=ALONE))
    cfg.param_scheduler = [dict(PLATEAU, monitor='loss')]
    untrained(cfg, "stage 'audio': ReduceOnPlateauLR follows 'loss', but .*"
              'acc/top1_audio.*param_scheduler')


# ---- the metric that chooses -----------------------------------------------
def three(cfg):
    """A third modality, the first one's pictures of sound again."""
    from mmbalance_plugin.registry import TRANSFORMS

    @TRANSFORMS.register_module(force=True)
    class AudioAgain:
        deterministic = True

        def __call__(self, results):
            return dict(results, again=results['audio'])

    names = ('audio', 'visual', 'again')
    cfg.model.encoders['again'] = encoder()
    cfg.model.data_preprocessor.preprocessors = dict.fromkeys(names)
    for split in ('train', 'val', 'test'):
        pipeline = cfg[f'{split}_dataloader'].dataset.pipeline
        pipeline[-1].collect_keys = names
        pipeline.insert(0, dict(type='mmbalance_plugin.AudioAgain'))
    return cfg


def test_two_of_three_modalities_are_chosen_by_their_mean(tmp_path):
    stages = [dict(name='two', train=['audio', 'again'], epochs=2),
              dict(name='one', train='visual')]
    runner = train(three(cfg_of(
        tmp_path, dict(max_epochs=1, stages=stages))))
    two = runner.train_loop.records[0]
    assert two['monitor'] == 'mean(acc/top1_audio, acc/top1_again)'
    assert two['best_score'] >= (
        two['last']['acc/top1_audio'] + two['last']['acc/top1_again']) / 2
    assert json.load(open(tmp_path / 'run/summary.json'))['test']['acc/top1']


def test_a_monitor_that_no_evaluator_emits_is_told_at_the_start(tmp_path):
    stages = [ALONE[0], dict(ALONE[1], monitor='acc/top1')]
    untrained(cfg_of(tmp_path, dict(max_epochs=1, stages=stages)),
              "stage 'visual' monitors 'acc/top1', but validation there "
              "emits .*acc/top1_visual.*set the stage's monitor")


@pytest.mark.parametrize('loop, save_best', [
    (dict(max_epochs=1, stages=ALONE), 'acc/top5'),
    (dict(max_epochs=1, stages=ALONE), ['acc/top1', 'acc/top1_smell']),
    (dict(type='EpochBasedTrainLoop', max_epochs=1), 'acc/top5'),
])
def test_save_best_of_what_is_never_emitted_is_told_at_the_start(
        tmp_path, loop, save_best):
    cfg = cfg_of(tmp_path, loop)
    cfg.default_hooks.checkpoint.save_best = save_best
    untrained(cfg, "save_best names 'acc/top(5|1_smell)'.*'acc/top1'")


@METRICS.register_module()
class SomeMetric(BaseMetric):
    """One that does not tell its names beforehand."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(some=1.)


def test_where_a_metric_does_not_tell_the_first_validation_does(tmp_path):
    cfg = cfg_of(tmp_path, dict(max_epochs=3), head='ConcatHead')
    cfg.val_evaluator = [dict(type='SomeMetric'), cfg.val_evaluator]
    cfg.default_hooks.checkpoint.save_best = 'acc/top5'
    runner = Runner.from_cfg(cfg)
    with pytest.raises(KeyError, match="save_best names 'acc/top5'"):
        runner.train()
    assert runner.epoch == 1
    cfg = cfg_of(tmp_path / 'b', dict(max_epochs=1), head='ConcatHead')
    cfg.val_evaluator = [dict(type='SomeMetric'), cfg.val_evaluator]
    cfg.default_hooks.checkpoint.update(save_best='some', rule='greater')
    assert train(cfg).message_hub.get_info('best_score') == 1


def test_mmengines_checkpoint_hook_is_refused_where_it_would_stop(tmp_path):
    cfg = cfg_of(tmp_path, dict(max_epochs=1, stages=ALONE))
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', save_best='acc/top1')
    untrained(cfg, "CheckpointHook saves the best by 'acc/top1'.*stage "
              "'audio'; use mmbalance_plugin.AtomicCheckpointHook")


# ---- metrics that need the fused prediction --------------------------------
def test_accmetric_is_told_at_the_start_of_stages_it_cannot_serve(tmp_path):
    cfg = cfg_of(tmp_path, dict(max_epochs=1, stages=ALONE))
    cfg.val_evaluator = dict(type='AccMetric')
    untrained(cfg, "AccMetric reads the fused prediction, which the stage "
              "'audio' does not have: take mmbalance_plugin.Multimodal")
    cfg = cfg_of(tmp_path / 'b', dict(max_epochs=1), head='ConcatHead')
    cfg.val_evaluator = dict(type='AccMetric')
    assert 0 <= train(cfg).message_hub.get_info('best_score') <= 1


def test_another_metric_of_that_kind_is_explained(tmp_path):
    stages = [dict(s, monitor='confusion_matrix/result') for s in ALONE]
    cfg = cfg_of(tmp_path, dict(max_epochs=1, stages=stages))
    cfg.val_evaluator = dict(type='mmaction.ConfusionMatrix')
    cfg.default_hooks.checkpoint.save_best = None
    with pytest.raises(KeyError, match='the fused prediction, which the '
                       "stage 'audio' does not have"):
        train(cfg)


# ---- options of the loops --------------------------------------------------
def test_dynamic_intervals_count_the_epochs_of_a_stage(tmp_path):
    validated = []
    hook = Hook()
    hook.before_val_epoch = lambda runner: validated.append(
        (runner.train_loop.stage.name, runner.train_loop.progress.epoch))
    runner = Runner.from_cfg(
        cfg_of(
            tmp_path,
            dict(
                max_epochs=6,
                stages=ALONE,
                val_interval=3,
                dynamic_intervals=[(5, 1)])))
    runner.register_hook(hook)
    runner.train()
    milestones, intervals = [0, 5], [3, 1]  # MMEngine's reading of these
    wanted = [
        e for e in range(1, 7)
        if e % intervals[bisect.bisect(milestones, e + 1) - 1] == 0
    ]
    assert wanted == [3, 4, 5, 6]
    assert validated[:-1] == [(m, e) for m in ('audio', 'visual')
                              for e in wanted]


@pytest.mark.parametrize('loop, message', [
    (dict(type='mmbalance_plugin.UDITrainLoop',
          follower_epochs=0), 'follower_epochs must be at least 1, got 0'),
    (dict(stages=[]), r'stages=\[\] trains nothing'),
    (dict(stages=[dict(name='a', early_stopping=dict(patiense=1))]),
     "stage 'a': early_stopping has the keys.*patiense"),
    (dict(stages=[dict(name='a', early_stopping=dict(
        patience=1, min_delta=-.1))]), 'min_delta'),
])
def test_odd_options_are_named(tmp_path, loop, message):
    untrained(cfg_of(tmp_path, dict(max_epochs=1, **loop)), message)
