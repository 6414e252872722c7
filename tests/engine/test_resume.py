"""A run that was killed and resumed equals one that was not, bit for bit."""
import json
import os
import os.path as osp

import pytest
import torch

from tests.engine import digits
from tests.engine.digits import digits_cfg
from tests.engine.kill import Trainer, differences
from tests.engine.two_digits import two_digits_cfg

ALONE = [dict(name=m, train=[m]) for m in digits.MODALITIES]
SMALL = dict(n_train=64, n_val=32)


def udi(folder):
    """Two steps an epoch, two epochs a stage: 12 steps in 6 epochs."""
    loop = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=2)
    return digits_cfg(folder, loop, **SMALL)


def late_fusion(folder):
    return digits_cfg(folder, dict(max_epochs=2, stages=ALONE), **SMALL)


def joint(folder):
    return digits_cfg(
        folder, dict(max_epochs=4), head='ConcatHead', n_train=192, n_val=32)


def blended(folder):
    return digits_cfg(
        folder, dict(max_epochs=2), head='ConcatHead',
        model=dict(blending=dict(type='mmbalance_plugin.Blending')), **SMALL)


def several_labels(folder):
    """UDI by mAP."""
    loop = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=2)
    return two_digits_cfg(folder, loop, **SMALL)


def early(folder):
    """Stops after its fourth epoch; another stage follows."""
    stages = [
        dict(
            name='first',
            epochs=9,
            early_stopping=dict(patience=3, min_delta=.9)),
        dict(name='second', epochs=1)
    ]
    return digits_cfg(
        folder,
        dict(max_epochs=1, stages=stages),
        head='ConcatHead',
        **SMALL)


def options(folder):
    """What has a state, or does not fit the epochs: 5 batches, 2 updates."""
    cfg = digits_cfg(
        folder,
        dict(max_epochs=5, val_interval=2),
        head='ConcatHead',
        n_train=160,
        n_val=32)
    cfg.optim_wrapper = dict(
        optimizer=dict(type='AdamW', lr=1e-2),
        accumulative_counts=3,
        clip_grad=dict(max_norm=1.))
    cfg.param_scheduler = [
        dict(type='LinearLR', start_factor=.1, end=7, by_epoch=False),
        dict(
            type='ReduceOnPlateauLR',
            monitor='acc/top1',
            rule='greater',
            factor=.5,
            patience=0)
    ]
    cfg.default_hooks.checkpoint.update(
        interval=2,
        max_keep_ckpts=1,
        save_best=['acc/top1', 'acc/top1_audio'])
    cfg.train_dataloader.dataset.pipeline.insert(
        0,
        dict(type='mmbalance_plugin.NoisyInput', keys=list(
            digits.MODALITIES)))
    return cfg



@pytest.fixture(scope='module')
def trainer():
    trainer = Trainer()
    yield trainer
    trainer.close()


@pytest.fixture(scope='module')
def whole(trainer, tmp_path_factory):
    """Results of uninterrupted runs, by config."""
    results = {}

    def get(config):
        if config not in results:
            folder = tmp_path_factory.mktemp('whole')
            results[config] = trainer.run(config(folder / 'run'))
        return results[config]

    return get


def assert_equal(resumed, expected):
    """Everything of two results but the moments they were traced by."""
    assert not differences(*[{
        k: v
        for k, v in result.items() if k != 'moments'
    } for result in (expected, resumed)])


def kill_and_resume(trainer, cfg, *moments):
    """Start the run, kill it at each moment in turn, let it end."""
    for i, moment in enumerate(moments):
        trainer.run(cfg, kill_at=moment, resume=i > 0)
    return trainer.run(cfg, resume=True)


@pytest.mark.parametrize('moment', [
    # phase 1; the other moments are in test_every_moment
    'epoch_1.pth.partial is half there',
    'iter 3',
    # its end
    'epoch 2 trained',
    'epoch 2 saved',
    'unimodal_audio ends',
    'iter 5',
    # the anchor is chosen
    'epoch 4 saved',
    'unimodal_visual ends',
    'iter 9',
    # the follower
    'epoch 5 saved',
    'iter 11',
    # the end
    'epoch 6 saved',
    'best_acc_top1_epoch_6.pth.partial is half there',
])
def test_udi(trainer, whole, tmp_path, moment):
    resumed = kill_and_resume(trainer, udi(tmp_path / 'run'), moment)
    assert resumed['estimator'] and resumed['alphas']
    assert_equal(resumed, whole(udi))


@pytest.mark.parametrize('moment', [
    'last_checkpoint was replaced (7)', 'test begins',
    'summary.json is about to be replaced', 'summary.json was replaced'
])
def test_udi_when_all_stages_are_done(trainer, whole, tmp_path, moment):
    resumed = kill_and_resume(trainer, udi(tmp_path / 'run'), moment)
    assert not [m for m in resumed['moments'] if m.startswith('iter')]
    # no follower trains any more, so there is nothing to guide it by
    assert resumed['estimator'] is None
    assert_equal(resumed, dict(whole(udi), estimator=None, alphas=None))


def test_udi_killed_again_and_again(trainer, whole, tmp_path):
    moments = [
        'epoch 1 saved',
        'epoch 1 to be validated',  # while that is made up for
        'iter 3',
        'epoch_2.pth.partial is half there',
        'unimodal_audio ends',
        'iter 8',
        'epoch 4 saved',
        'unimodal_visual ends',
        'epoch_5.pth is about to be replaced',
        'epoch 5 saved',
        'epoch 5 validated',
        'iter 12',
        'assembly measured',
        'epoch_6.pth is about to be replaced',
    ]
    resumed = kill_and_resume(trainer, udi(tmp_path / 'run'), *moments)
    assert_equal(resumed, whole(udi))


def test_udi_with_a_loss_that_draws_its_weights(trainer, tmp_path):
    results = []
    for name in ('whole', 'killed'):
        cfg = udi(tmp_path / name)
        cfg.train_cfg.update(
            max_epochs=1,
            consistency=dict(type='mmbalance_plugin.DrawnConsistency'))
        moments = ['epoch 2 saved', 'follower_audio begins', 'iter 6']
        results.append(
            kill_and_resume(trainer, cfg,
                            *moments if name == 'killed' else []))
    assert_equal(*results)


@pytest.mark.parametrize('config, moment', [
    (late_fusion, 'iter 2'),
    (late_fusion, 'epoch 2 saved'),
    (late_fusion, 'audio ends'),
    (late_fusion, 'iter 7'),
    (late_fusion, 'epoch 4 validated'),
    (joint, 'iter 10'),
    (joint, 'epoch 2 saved'),
    (joint, 'epoch 3 validated'),
    (several_labels, 'epoch 4 saved'),
    (several_labels, 'iter 11'),
    (blended, 'iter 3'),
    (early, 'iter 6'),
    (early, 'epoch 3 saved'),
    (early, 'epoch 4 saved'),
    (early, 'first ends'),
    (options, 'iter 8'),
    (options, 'epoch 2 validated'),
    (options, 'epoch 4 measured'),
    (options, 'iter 21'),
])
def test_other_schedules(trainer, whole, tmp_path, config, moment):
    resumed = kill_and_resume(trainer, config(tmp_path / 'run'), moment)
    assert_equal(resumed, whole(config))


def test_a_best_checkpoint_is_lost_at_no_moment(trainer, whole, tmp_path):
    expected = whole(joint)
    moments = [m for m in expected['moments'] if m.startswith('best_')]
    replaced = [m for m in moments if m.endswith('was replaced')]
    removed = [m for m in moments if m.endswith('about to be removed')]
    assert len(replaced) > 1 and len(removed) > 0
    for i, moment in enumerate([replaced[1], removed[0]]):
        resumed = kill_and_resume(trainer, joint(tmp_path / f'{i}'), moment)
        assert_equal(resumed, expected)


@pytest.mark.parametrize('config, first, every', [
    (udi, 3, 20),
    (late_fusion, 1, 10),
    *(pytest.param(udi, i, 4, marks=pytest.mark.slow) for i in range(4)),
    *(pytest.param(config, i, 3, marks=pytest.mark.slow)
      for config in (late_fusion, joint, early, options) for i in range(3)),
])
def test_every_moment(trainer, whole, tmp_path, config, first, every):
    """Runs that are killed at one moment after the other."""
    expected = whole(config)
    # Counted from the start of a process, so it differs after a resume.
    moments = [m for m in expected['moments'] if not m.endswith(')')]
    resumed = kill_and_resume(trainer, config(tmp_path / 'run'),
                              *moments[first::every])
    if resumed['estimator'] is None:  # killed once more after the stages
        expected = dict(expected, estimator=None, alphas=None)
    assert_equal(resumed, expected)


@pytest.mark.parametrize('moments', [
    ['iter 3', 'unimodal_visual ends', 'follower_audio begins', 'iter 11'],
    pytest.param(['epoch 4 saved', 'follower_audio begins'],
                 marks=pytest.mark.slow),
])
def test_a_run_that_starts_from_a_file(trainer, tmp_path, moments):
    """Followers start from it again, even where it is gone."""
    trainer.run(joint(tmp_path / 'other'), kill_at='epoch 2 saved')
    start = tmp_path / 'start.pth'
    results = []
    for name in ('whole', 'killed'):
        os.rename(tmp_path / 'other/epoch_1.pth', start)
        cfg = udi(tmp_path / name)
        cfg.model.head.type = 'mmbalance_plugin.DecisionHead'
        cfg.merge_from_dict(
            dict(load_from=str(start), load_strict=False,
                 train_cfg=dict(anchor='visual')))
        if name == 'whole':
            results.append(trainer.run(cfg))
        else:
            trainer.run(cfg, kill_at=moments[0])
        os.rename(start, tmp_path / 'other/epoch_1.pth')
    cfg.load_from = None  # as tools/train.py --resume
    for moment in moments[1:]:
        trainer.run(cfg, kill_at=moment, resume=True)
    results.append(trainer.run(cfg, resume=True))
    assert_equal(*results[::-1])


def test_a_seed_that_was_drawn_is_kept(trainer, tmp_path):
    """Data order, initial weights of a follower, estimator: all of it."""
    cfg = udi(tmp_path / 'drawn')
    cfg.train_cfg.anchor = 'visual'
    cfg.randomness = dict(seed=None)
    resumed = kill_and_resume(trainer, cfg, 'iter 3', 'iter 7', 'iter 11')
    seed = resumed['summary']['seed']
    cfg = udi(tmp_path / 'given')
    cfg.train_cfg.anchor = 'visual'
    cfg.randomness = dict(seed=seed)
    assert_equal(resumed, trainer.run(cfg))


@pytest.mark.slow
def test_random_transforms_in_a_worker(trainer, tmp_path):
    results = []
    for name in ('whole', 'killed'):
        cfg = joint(tmp_path / name)
        cfg.train_dataloader.num_workers = 1
        cfg.train_dataloader.dataset.pipeline.insert(
            0,
            dict(
                type='mmbalance_plugin.NoisyInput',
                keys=list(digits.MODALITIES)))
        moments = ['iter 9', 'epoch 3 saved'] if name == 'killed' else []
        results.append(kill_and_resume(trainer, cfg, *moments))
    assert_equal(*results)


# ---- what cannot be resumed, and what surrounds a resume -----------------
@pytest.mark.parametrize('start, config', [
    (late_fusion, joint),
    (late_fusion, udi),
    (udi, late_fusion),
])
def test_other_stages_are_refused(trainer, tmp_path, start, config):
    trainer.run(start(tmp_path / 'run'), kill_at='epoch 1 validated')
    cfg = config(tmp_path / 'run')
    cfg.model.head.type = 'mmbalance_plugin.DecisionHead'
    cfg.resume = True
    with pytest.raises(ValueError) as error:
        digits.train(cfg)
    for stage in ('unimodal_audio' if udi in (start, config) else 'audio',
                  'audio' if config is not joint else 'joint'):
        assert repr(stage) in str(error.value)
    assert 'resume with the config' in str(error.value)


def test_a_checkpoint_of_a_loop_without_stages_is_refused(trainer, tmp_path):
    cfg = joint(tmp_path / 'run')
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    cfg.param_scheduler = None
    digits.train(cfg)
    cfg = joint(tmp_path / 'run')
    cfg.resume = True
    with pytest.raises(ValueError, match='load_from instead of resume'):
        digits.train(cfg)


def test_a_staged_checkpoint_gives_its_weights_to_a_new_run(
        trainer, tmp_path):
    trainer.run(joint(tmp_path / 'a'), kill_at='epoch 2 validated')
    cfg = joint(tmp_path / 'b')
    cfg.load_from = str(tmp_path / 'a/epoch_2.pth')
    summary = trainer.run(cfg)['summary']
    assert summary['stages'][0]['epochs'] == 4
    assert summary['cost']['optimizer_steps'] == 4 * 6


def test_resuming_a_named_file_leaves_its_folder_alone(
        trainer, whole, tmp_path):
    trainer.run(joint(tmp_path / 'a'), kill_at='epoch 3 validated')
    before = sorted(os.listdir(tmp_path / 'a'))
    cfg = joint(tmp_path / 'b')
    cfg.load_from = str(tmp_path / 'a/epoch_2.pth')
    resumed, expected = trainer.run(cfg, resume=True), whole(joint)
    assert not differences(resumed['weights'], expected['weights'])
    assert not differences(resumed['summary'], expected['summary'])
    assert sorted(os.listdir(tmp_path / 'a')) == before


def test_every_file_loads_safely(trainer, tmp_path):
    folder = tmp_path / 'run'
    trainer.run(udi(folder), kill_at='test begins')
    files = [f for f in os.listdir(folder) if f.endswith('.pth')]
    assert len(files) == 3  # two to keep and the best one
    for name in files:
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(
            folder / name)
        assert not unsafe, (name, unsafe)
        torch.load(folder / name, weights_only=True)


def test_the_log_shows_that_the_run_went_on(trainer, tmp_path):
    cfg = late_fusion(tmp_path / 'run')
    kill_and_resume(trainer, cfg, 'iter 7')
    text = open(f'{cfg.work_dir}.log').read()
    assert 'Stage 2/2 "visual": visual trains, unimodal objective, epoch 1 ' \
        'of 2 done' in text
    summary = json.load(open(osp.join(cfg.work_dir, 'summary.json')))
    assert [s['name'] for s in summary['stages']] == ['audio', 'visual']
