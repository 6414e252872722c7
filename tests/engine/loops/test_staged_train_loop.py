"""Stages on a real Runner: what equals what, bit for bit."""
import json

import pytest
import torch
from mmengine.runner import Runner

from tests.engine.digits import assert_same, digits_cfg, train, weights

ALONE = [dict(name=m, train=[m]) for m in ('audio', 'visual')]


@pytest.fixture(scope='module')
def late_fusion(tmp_path_factory):
    folder = tmp_path_factory.mktemp('late_fusion')
    return train(digits_cfg(folder, dict(max_epochs=2, stages=ALONE)))


def test_a_stage_equals_a_run_of_that_modality_alone(late_fusion, tmp_path):
    for modality in ('audio', 'visual'):
        alone = train(
            digits_cfg(
                tmp_path / modality,
                dict(max_epochs=2, stages=[dict(name='a', train=[modality])]),
                modalities=(modality, )))
        assert_same(
            weights(alone, f'encoders.{modality}'),
            weights(late_fusion, f'encoders.{modality}'))
        assert_same(
            weights(alone, 'head'),
            weights(late_fusion, f'head.branches.{modality}'))


def test_the_order_of_stages_does_not_matter(late_fusion, tmp_path):
    other = train(
        digits_cfg(tmp_path, dict(max_epochs=2, stages=ALONE[::-1])))
    assert_same(weights(late_fusion), weights(other))


def test_udi_without_interaction_equals_late_fusion(late_fusion, tmp_path):
    udi = train(
        digits_cfg(
            tmp_path,
            dict(
                type='mmbalance_plugin.UDITrainLoop',
                max_epochs=2,
                consistency=None,
                complementarity=None)))
    assert_same(weights(late_fusion), weights(udi))
    test = [
        json.load(open(f'{r.work_dir}/summary.json'))['test']
        for r in (udi, late_fusion)
    ]
    assert test[0] == test[1]


def test_a_frozen_part_does_not_change_in_another_stage(tmp_path):
    seen = {}

    def snapshot(runner, stage):
        seen[stage.name] = weights(runner, 'encoders.audio')

    cfg = digits_cfg(tmp_path, dict(max_epochs=1, stages=ALONE))
    from mmengine.hooks import Hook
    hook = Hook()
    hook.before_stage = snapshot
    runner = Runner.from_cfg(cfg)
    runner.register_hook(hook)
    runner.train()
    assert_same(seen['visual'], weights(runner, 'encoders.audio'))
    first, last = seen['audio'], seen['visual']
    assert not torch.equal(first['encoders.audio.backbone.stages.0.bn.'
                                 'running_mean'],
                           last['encoders.audio.backbone.stages.0.bn.'
                                'running_mean'])


def test_fused_metrics_come_with_the_assembled_model(late_fusion):
    summary = json.load(open(f'{late_fusion.work_dir}/summary.json'))
    for record in summary['stages']:
        assert 'acc/top1' not in record['last']
    assert 'acc/top1' in summary['val']['best']
    assert late_fusion.message_hub.get_info('best_ckpt').endswith(
        'best_acc_top1_epoch_4.pth')
    assert summary['cost']['optimizer_steps'] == 4 * 6
    assert summary['cost']['encoder_samples'] == dict(audio=384, visual=384)


def test_the_best_checkpoint_holds_the_assembled_weights(late_fusion):
    path = late_fusion.message_hub.get_info('best_ckpt')
    saved = torch.load(path, weights_only=True)['state_dict']
    assert_same(dict(saved), weights(late_fusion))


def test_every_stage_has_its_own_schedule(tmp_path):
    rates = {}

    class Recorder:

        def __init__(self):
            from mmengine.hooks import Hook
            self.hook = Hook()
            self.hook.after_train_iter = self.after

        def after(self, runner, batch_idx, data_batch, outputs):
            rates.setdefault(runner.train_loop.stage.name, []).append(
                runner.optim_wrapper.get_lr()['lr'][0])

    from mmengine.runner import Runner
    stages = [
        dict(name='audio', train='audio'),
        dict(
            name='visual',
            train='visual',
            epochs=1,
            optim_wrapper=dict(optimizer=dict(lr=.01)))
    ]
    runner = Runner.from_cfg(
        digits_cfg(tmp_path, dict(max_epochs=2, stages=stages)))
    runner.register_hook(Recorder().hook, 'VERY_LOW')
    runner.train()
    assert len(rates['audio']) == 12 and len(rates['visual']) == 6
    assert rates['audio'][0] < .05 and rates['visual'][0] < .01
    # a cosine ends near zero at the end of its own stage, not of the run
    assert rates['audio'][-1] < 1e-3 and rates['visual'][-1] < 1e-3


def test_early_stopping_ends_a_stage_and_keeps_its_best(tmp_path):
    stage = dict(
        name='audio',
        train='audio',
        epochs=9,
        early_stopping=dict(patience=1, min_delta=2.))
    runner = train(digits_cfg(tmp_path, dict(max_epochs=1, stages=[stage])))
    record = runner.train_loop.records[0]
    assert record['epochs'] == 2 and record['stopped_early']
    assert runner.train_loop.max_epochs == 2


def test_joint_stage_puts_the_best_validated_weights_back(tmp_path):
    runner = train(digits_cfg(tmp_path, dict(max_epochs=3), head='ConcatHead'))
    loop = runner.train_loop
    best = loop.records[0]['best_score']
    assert loop.assembled_metrics['acc/top1'] == pytest.approx(best)
    assert runner.message_hub.get_info('best_score') == pytest.approx(best)


def test_without_validation_the_last_weights_are_kept(tmp_path):
    cfg = digits_cfg(tmp_path, dict(max_epochs=1, stages=ALONE))
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        cfg[key] = None
    runner = train(cfg)
    summary = json.load(open(f'{runner.work_dir}/summary.json'))
    assert summary['val'] == dict(last={}, best={})
    assert summary['test'] == {}  # nothing was selected, nothing is tested


def test_fitted_weights_are_fitted_on_validation(tmp_path):
    cfg = digits_cfg(tmp_path, dict(max_epochs=1, stages=ALONE))
    cfg.model.head.combine = 'fitted'
    runner = train(cfg)
    fitted = runner.model.head.weights
    assert fitted.sum().item() == pytest.approx(1)
    assert not torch.allclose(fitted, torch.full((2, ), .5))


@pytest.mark.parametrize('loop, message', [
    (dict(stages=ALONE + ALONE), 'unique'),
    (dict(stages=[dict(name='x', train=['smell'])]), 'smell'),
    (dict(stages=[dict(name='x', trian=['audio'])]), 'trian'),
    (dict(type='mmbalance_plugin.UDITrainLoop', anchor='smell'), 'smell'),
    (dict(type='mmbalance_plugin.UDITrainLoop',
          follower_start='warm'), 'follower_start'),
    (dict(type='mmbalance_plugin.UDITrainLoop',
          cache_anchor='yes'), 'cache_anchor'),
    (dict(type='mmbalance_plugin.UDITrainLoop',
          controller=dict(similarity='angle')), 'similarity'),
    *((dict(type=f'mmbalance_plugin.{kind}', stages=ALONE),
       f'{kind} plans the stages .* leave stages out')
      for kind in ('UDITrainLoop', 'GBlendTrainLoop', 'ReconBoostTrainLoop')),
])
def test_errors_come_at_the_start_and_name_the_value(tmp_path, loop, message):
    with pytest.raises(Exception, match=message):
        train(digits_cfg(tmp_path, dict(max_epochs=1, **loop)))


@pytest.mark.parametrize('kind', ['StagedTrainLoop', 'UDITrainLoop'])
def test_epochs_of_the_config_stand_in_for_the_loops(tmp_path, kind):
    loop = dict(type=f'mmbalance_plugin.{kind}')
    cfg = digits_cfg(tmp_path / 'a', loop, max_epochs=3)
    found = Runner.from_cfg(cfg).build_train_loop(cfg.train_cfg)
    assert {stage.epochs for stage in found.stages} == {3}
    cfg = digits_cfg(tmp_path / 'b', dict(loop, max_epochs=2), max_epochs=3)
    found = Runner.from_cfg(cfg).build_train_loop(cfg.train_cfg)
    assert {stage.epochs for stage in found.stages} == {2}
    cfg = digits_cfg(tmp_path / 'c', loop)
    with pytest.raises(ValueError, match='Set max_epochs in train_cfg, or'):
        Runner.from_cfg(cfg).build_train_loop(cfg.train_cfg)


def test_early_stopping_hook_is_refused_with_the_way_out(tmp_path):
    cfg = digits_cfg(tmp_path, dict(max_epochs=1))
    cfg.custom_hooks = [dict(type='EarlyStoppingHook', monitor='acc/top1')]
    with pytest.raises(Exception, match='early_stopping=dict'):
        train(cfg)


def test_udi_needs_two_modalities_and_validation(tmp_path):
    udi = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=1)
    with pytest.raises(Exception, match='at least two'):
        train(digits_cfg(tmp_path / 'a', udi, modalities=('audio', )))
    cfg = digits_cfg(tmp_path / 'b', udi)
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        cfg[key] = None
    with pytest.raises(Exception, match="anchor='auto' needs validation"):
        train(cfg)


def test_modulation_schedules_count_the_epochs_of_the_stage(tmp_path):
    from mmengine.hooks import Hook

    from mmbalance_plugin.utils.run_state import current_epoch, current_iter
    seen = []
    hook = Hook()
    hook.after_train_iter = lambda runner, **_: seen.append(
        (runner.train_loop.stage.name, current_epoch(), current_iter()))
    runner = Runner.from_cfg(
        digits_cfg(tmp_path, dict(max_epochs=2, stages=ALONE)))
    runner.register_hook(hook)
    runner.train()
    assert seen == [(name, i // 6, i) for name in ('audio', 'visual')
                    for i in range(12)]



@pytest.mark.parametrize('stages, again', [(None, 0), (ALONE, 1)])
def test_what_was_just_validated_is_not_again(tmp_path, stages, again):
    from mmengine.hooks import Hook
    seen = []
    hook = Hook()
    hook.after_val_epoch = lambda runner, metrics=None: seen.append(metrics)
    runner = Runner.from_cfg(digits_cfg(
        tmp_path, dict(max_epochs=2, stages=stages),
        head='DecisionHead' if stages else 'ConcatHead'))
    runner.register_hook(hook)
    runner.train()
    loop = runner.train_loop
    assert stages or loop.records[0]['best_epoch'] == 2
    assert len(seen) == sum(r['epochs'] for r in loop.records) + again
    assert loop.assembled_metrics == seen[-1] == runner.val_loop.run()
