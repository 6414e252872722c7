"""Several labels per sample, in whole runs."""
import json

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmbalance_plugin.evaluation import load_predictions
from tests.dist_utils import run_ranks
from tests.engine.digits import train, weights
from tests.engine.two_digits import two_digits_cfg

#: What a guess gets: the mean share of samples that have a label.
CHANCE = .19
NAMES = {f'acc/mAP{suffix}' for suffix in ('', '_audio', '_visual')}
BOTH = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss')
]
#: A mean over ten labels has a tenth of the gradient.
FAST = dict(optim_wrapper=dict(optimizer=dict(lr=.3)))
ALONE = [dict(name=m, train=[m]) for m in ('audio', 'visual')]


def small(tmp_path, loop=None, **merge):
    """Two steps an epoch."""
    return two_digits_cfg(
        tmp_path, {'max_epochs': 1, **(loop or {})}, n_train=64, n_val=32,
        **merge)


def summary(folder):
    return json.loads((folder / 'summary.json').read_text())


def test_joint_training_beats_chance(tmp_path):
    train(two_digits_cfg(
        tmp_path, dict(max_epochs=6), n_train=640, head='ConcatHead',
        **FAST))
    found = summary(tmp_path)
    assert set(found['test']) == NAMES == set(found['val']['best'])
    assert found['test']['acc/mAP'] > 2 * CHANCE
    for name in NAMES:
        assert found['test'][name] > 1.5 * CHANCE, (name, found['test'])
    assert found['stages'][0]['monitor'] == 'acc/mAP'
    # What was kept says the same: probabilities that need not sum to 1.
    kept = load_predictions(tmp_path)['test']
    assert kept.targets.shape == kept.fused.shape == (96, 10)
    assert set(kept.targets.sum(1)) == {1, 2}
    assert np.ptp(kept.fused.sum(1)) > .1
    from sklearn.metrics import average_precision_score
    assert found['test']['acc/mAP'] == pytest.approx(
        average_precision_score(kept.targets, kept.fused), abs=1e-6)
    # Scores of the log: the mean probability of labels that are there.
    lines = next(tmp_path.rglob('scalars.json')).read_text().splitlines()
    scores = [json.loads(line).get('score_audio') for line in lines]
    assert all(0 < score < 1 for score in scores if score is not None)
    assert any(scores)


def test_late_fusion_beats_its_modalities(tmp_path):
    train(two_digits_cfg(
        tmp_path, dict(max_epochs=6, stages=ALONE), n_train=640,
        model=dict(head=dict(combine='sum_logits')), **FAST))
    found = summary(tmp_path)
    assert [s['monitor'] for s in found['stages']] == [
        'acc/mAP_audio', 'acc/mAP_visual']
    assert found['test']['acc/mAP'] > max(
        found['test'][f'acc/mAP_{m}'] for m in ('audio', 'visual'))


@pytest.mark.parametrize('name, merge, logged', [
    ('multi-loss', dict(model=dict(objective=BOTH)), 'loss_cls_audio'),
    ('OGM-GE', dict(optim_wrapper=dict(
        type='mmbalance_plugin.OGMOptimWrapper', alpha=.5,
        generalization_enhancement=True)), 'ogm_coefficient_audio'),
    ('MLB', dict(optim_wrapper=dict(
        type='mmbalance_plugin.GradientOptimWrapper',
        method=dict(type='mmbalance_plugin.MLB'))), 'mlb_coefficient_audio'),
    ('InfoReg', dict(optim_wrapper=dict(
        type='mmbalance_plugin.GradientOptimWrapper',
        method=dict(type='mmbalance_plugin.InfoReg'))), 'inforeg_score_audio'),
    ('MMPareto', dict(model=dict(
        step=dict(type='mmbalance_plugin.MMPareto'), objective=BOTH)),
     'loss_cls_visual'),
    ('MIMO', dict(model=dict(objective=[
        BOTH[0], dict(type='mmbalance_plugin.MIMOLoss')])), 'loss_mimo'),
    ('LFM', dict(model=dict(objective=[dict(
        type='mmbalance_plugin.LFMLoss', matching='js')])), 'loss_match'),
    ('DGL', dict(model=dict(objective=[
        dict(type='mmbalance_plugin.DGLLoss')])), 'loss_cls_audio'),
    ('G-Blending', dict(
        model=dict(objective=[dict(type='mmbalance_plugin.GBlend',
                                   interval=1)]),
        loop=dict(max_epochs=2, hold_out=.25)), 'loss_cls_audio'),
    ('fitted', dict(loop=dict(stages=ALONE), head='DecisionHead', model=dict(
        head=dict(combine='fitted'))), 'loss_cls_visual'),
])
def test_methods_that_hold_of_each_label(tmp_path, name, merge, logged):
    merge = {'head': 'ConcatHead', **merge}
    runner = train(small(tmp_path, merge.pop('loop', None), **merge))
    value = runner.message_hub.get_scalar(f'train/{logged}').current()
    assert np.isfinite(value) and value != 0
    assert set(summary(tmp_path)['test']) == NAMES


def test_opm_drops_by_the_same_scores(tmp_path):
    cfg = small(tmp_path, head='ConcatHead')
    cfg.model = dict(type='mmbalance_plugin.OPM', warmup_epochs=0, p_exe=1.,
                     recognizer=cfg.model)
    runner = train(cfg)
    last = runner.model.last
    scores = runner.model.recognizer.batch_scores
    assert torch.allclose(last['ratios']['audio'],
                          scores['audio'] / scores['visual'])


@pytest.mark.parametrize('preset', ['stable', 'paper'])
def test_udi_chooses_its_anchor_by_map(tmp_path, preset):
    runner = train(small(
        tmp_path,
        dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=2,
             preset=preset)))
    found = summary(tmp_path)
    choice = runner.train_loop.choice
    best = {s['name']: s['best_value'] if 'best_value' in s else None
            for s in found['stages']}
    assert len(best) == 3 and 'mAP' in found['anchor_reason']
    assert choice.anchor == max(choice.accuracy, key=choice.accuracy.get)
    assert 0 < min(choice.accuracy.values())
    assert [s['monitor'] for s in found['stages'][:2]] == [
        'acc/mAP_audio', 'acc/mAP_visual']
    assert runner.train_loop.guidance.losses['con'].multi_class
    history = found['stages'][2]['history'][-1]
    assert any('alpha_con' in key for key in history)


def objective(*types):
    return dict(model=dict(objective=[
        dict(type=f'mmbalance_plugin.{kind}') for kind in types]))


@pytest.mark.parametrize('name, merge', [
    ('TCMaxLoss', dict(head='SumHead', **objective('TCMaxLoss'))),
    ('PMRLoss', objective('FusedLoss', 'PMRLoss')),
    ('CMLLoss', objective('FusedLoss', 'CMLLoss')),
    ('AGMLoss', objective('AGMLoss')),
    ('QMFHead', dict(head='QMFHead')),
    ('MLAHead', dict(head='MLAHead')),
    ('MMCosineHead', dict(head='MMCosineHead')),
    ('ReconBoostLoss', objective('ReconBoostLoss')),
    ('BestTeacherLoss', objective('FusedLoss', 'BestTeacherLoss')),
    ('MutualInformationLoss', objective('FusedLoss',
                                        'MutualInformationLoss')),
    ('MLA', dict(model=dict(step=dict(type='mmbalance_plugin.MLA')))),
    ('RelearningHook', dict(
        custom_hooks=[dict(type='mmbalance_plugin.RelearningHook')])),
    ('LabelSmoothingLoss', dict(loop=dict(
        type='mmbalance_plugin.UDITrainLoop',
        consistency=dict(type='mmbalance_plugin.LabelSmoothingLoss')))),
])
def test_others_are_refused_by_name_before_the_first_step(
        tmp_path, name, merge):
    merge = {'head': 'ConcatHead', **merge}
    loop = merge.pop('loop', None)
    if loop:
        merge['head'] = 'DecisionHead'
    with pytest.raises(ValueError, match=(
            f'(^|: ){name} is defined for one class per sample, not for '
            r'several labels \(multi_class=True of the head\): take')) as info:
        train(small(tmp_path, loop, **merge))
    assert '\n' not in str(info.value)


def test_a_consistency_of_classes_is_told(tmp_path):
    loss = dict(type='mmbalance_plugin.JSDivergenceLoss', multi_class=False)
    with pytest.raises(ValueError, match='JSDivergenceLoss has multi_class='
                       'False, but the head has multi_class=True'):
        train(small(tmp_path, dict(type='mmbalance_plugin.UDITrainLoop',
                                   consistency=loss)))


@pytest.mark.parametrize('merge, message', [
    (dict(val_evaluator=dict(
        measures=['top1', 'mAP'])), r"\['top1'\] are of one class per sample"),
    (dict(default_hooks=dict(checkpoint=dict(save_best='acc/top1'))),
     "save_best names 'acc/top1', but validation there emits"),
    (dict(model=dict(head=dict(multi_class=False)),
          val_evaluator=dict(measures=['top1']),
          default_hooks=dict(checkpoint=dict(save_best='acc/top1'))),
     'train data .* are several per sample'),
    (dict(model=dict(head=dict(num_classes=9))),
     'zeros and ones for 10 classes.*num_classes=9'),
    (dict(model=dict(head=dict(loss_cls=dict(type='CrossEntropyLoss')))),
     'CrossEntropyLoss compares classes'),
])
def test_what_does_not_fit_is_told_at_the_start(tmp_path, merge, message):
    cfg = small(tmp_path, head='ConcatHead')
    cfg.merge_from_dict(merge)
    with pytest.raises(ValueError, match=message):
        Runner.from_cfg(cfg).train()


def ogm_losses(folder, world):
    """Losses and scores of joint training with OGM, and its weights."""
    cfg = small(
        folder, dict(max_epochs=2), batch_size=32 // world, norm=False,
        head='ConcatHead', optim_wrapper=dict(
            type='mmbalance_plugin.OGMOptimWrapper', alpha=.5))
    cfg.launcher = 'none' if world == 1 else 'pytorch'
    runner, rows = Runner.from_cfg(cfg), []

    class Rows(Hook):

        def after_train_iter(self, runner, outputs=None, **_):
            last = runner.optim_wrapper.method.last['coefficients']
            rows.append([outputs['loss'].item(), *map(float, last.values())])

    runner.register_hook(Rows())
    runner.train()
    return rows, weights(runner)


def rank_losses(folder):
    return ogm_losses(folder, 2)


@pytest.mark.slow
def test_two_ranks_equal_one_process(tmp_path):
    rows, one = ogm_losses(tmp_path / 'one', 1)
    two = run_ranks(rank_losses, 2, str(tmp_path / 'two'))
    means = [np.mean(pair, axis=0)
             for pair in zip(*(found for found, _ in two))]
    np.testing.assert_allclose(means, rows, atol=1e-4)
    for name, value in one.items():
        torch.testing.assert_close(
            two[0][1][name], value, atol=1e-4, rtol=1e-3)
        assert torch.equal(two[0][1][name], two[1][1][name])
