"""UDI on a real Runner."""
import json

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmbalance_plugin.registry import TRANSFORMS
from tests.engine.digits import assert_same, digits_cfg, train, weights

UDI = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=2)


@TRANSFORMS.register_module()
class RandomGain:
    """An augmentation of one modality."""

    def __init__(self, key):
        self.key = key

    def __call__(self, results):
        gain = 1 + .1 * torch.rand(1).item()
        return dict(results, **{self.key: results[self.key] * gain})


def augmented(cfg, key):
    """The config with a random transform before packing."""
    cfg.train_dataloader.dataset.pipeline.insert(
        0, dict(type='mmbalance_plugin.RandomGain', key=key))
    return cfg


class Watch(Hook):
    """Remembers the model's weights at the start of each stage."""

    def __init__(self):
        self.seen = {}

    def before_stage(self, runner, stage):
        self.seen[stage.name] = weights(runner)


def watched(cfg):
    """Train; return the runner and the weights at each stage's start."""
    watch = Watch()
    runner = Runner.from_cfg(cfg)
    runner.register_hook(watch)
    runner.train()
    return runner, watch.seen


@pytest.fixture(scope='module')
def udi(tmp_path_factory):
    return watched(digits_cfg(tmp_path_factory.mktemp('udi'), UDI))


def test_phase_one_equals_the_unimodal_stages(udi, tmp_path):
    runner, seen = udi
    stages = [dict(name=m, train=[m]) for m in ('audio', 'visual')]
    late = train(digits_cfg(tmp_path, dict(max_epochs=2, stages=stages)))
    follower = next(name for name in seen if name.startswith('follower'))
    anchor = runner.train_loop.choice.anchor
    start = seen[follower]
    for key, value in weights(late, f'encoders.{anchor}').items():
        assert torch.equal(start[key], value), key


def test_the_anchor_is_bit_identical_before_and_after_phase_two(udi):
    runner, seen = udi
    anchor = runner.train_loop.choice.anchor
    name = next(name for name in seen if name.startswith('follower'))
    keys = [k for k in seen[name] if f'.{anchor}.' in k]
    assert any('running_mean' in k for k in keys)
    after = weights(runner)
    assert_same({k: seen[name][k] for k in keys}, {k: after[k] for k in keys})


def test_followers_start_from_their_initial_weights(udi):
    _, seen = udi
    name = next(name for name in seen if name.startswith('follower'))
    prefix = f'encoders.{name.split("_")[1]}'
    first = seen['unimodal_audio']  # before any training
    for key in first:
        if key.startswith(prefix):
            assert torch.equal(first[key], seen[name][key]), key


def test_guidance_changes_the_follower(udi, tmp_path):
    alone = train(
        digits_cfg(
            tmp_path, dict(UDI, consistency=None, complementarity=None)))
    follower = udi[0].train_loop.guidance.follower
    key = f'encoders.{follower}.backbone.stages.0.conv.weight'
    assert not torch.equal(weights(udi[0])[key], weights(alone)[key])


def test_summary_says_what_was_chosen_and_what_it_cost(udi):
    runner, _ = udi
    loop = runner.train_loop
    summary = json.load(open(f'{runner.work_dir}/summary.json'))
    assert summary['anchor'] == loop.choice.anchor
    for modality in ('audio', 'visual'):
        assert modality in summary['anchor_reason']
    cost, follower = summary['cost'], loop.guidance.follower
    assert cost['optimizer_steps'] == 3 * 12
    assert cost['estimator_steps'] == 12 * 5
    # phase 1, and one cached pass of the anchor; phase 1, phase 2 and the
    # controller's batch of the follower
    assert cost['encoder_samples'] == {
        summary['anchor']: 2 * 192 + 192,
        follower: 4 * 192 + 32
    }
    assert cost['params_train'] > cost['params_inference']
    history = summary['stages'][-1]['history']
    assert [row['epoch'] for row in history] == [1, 2]
    for name in ('alpha_con', 'alpha_com', 'align_con', 'align_com',
                 'club_estimate', 'club_log_likelihood'):
        assert f'{name}_{follower}' in history[1]
    assert history[0][f'alpha_con_{follower}'] == .5


def test_the_visualisation_backend_gets_each_epochs_record(udi):
    runner, _ = udi
    follower = runner.train_loop.guidance.follower
    rows = [
        json.loads(line) for path in __import__('glob').glob(
            f'{runner.work_dir}/*/vis_data/scalars.json')
        for line in open(path)
    ]
    assert sum(f'alpha_com_{follower}' in row for row in rows) == 2


def test_cached_and_fresh_anchor_agree(udi, tmp_path):
    fresh = train(digits_cfg(tmp_path, dict(UDI, cache_anchor=False)))
    assert udi[0].train_loop.guidance.caches
    assert not fresh.train_loop.guidance.caches
    for key, value in weights(udi[0]).items():
        torch.testing.assert_close(
            value, weights(fresh)[key], rtol=1e-3, atol=1e-4)


def test_a_cache_that_augmentation_makes_wrong_is_refused(tmp_path):
    loop = dict(UDI, anchor='visual', max_epochs=1, cache_anchor=True)
    cfg = augmented(digits_cfg(tmp_path / 'a', loop), 'visual')
    # also where the dataset does not know its transforms
    with pytest.raises(ValueError, match='cache_anchor=True'):
        train(cfg)
    loop['cache_anchor'] = 'auto'
    runner = train(augmented(digits_cfg(tmp_path / 'b', loop), 'visual'))
    assert not runner.train_loop.guidance.caches


@pytest.mark.parametrize('start, same', [('unimodal', True),
                                         ('scratch', False)])
def test_follower_start(tmp_path, start, same):
    runner, seen = watched(
        digits_cfg(
            tmp_path, dict(UDI, max_epochs=1, anchor='audio',
                           follower_start=start)))
    trained = runner.train_loop.records[1]
    assert trained['name'] == 'unimodal_visual'
    key = 'encoders.visual.backbone.stages.0.conv.weight'
    initial = seen['unimodal_visual'][key]
    assert torch.equal(seen['follower_visual'][key], initial) != same


def test_a_named_anchor_is_taken_whatever_validation_says(tmp_path):
    for anchor in ('audio', 'visual'):
        runner = train(
            digits_cfg(tmp_path / anchor, dict(
                UDI, max_epochs=1, anchor=anchor)))
        assert runner.train_loop.choice.anchor == anchor
        assert runner.train_loop.records[-1]['name'] != f'follower_{anchor}'


def test_static_weights_stay(tmp_path):
    runner = train(
        digits_cfg(
            tmp_path,
            dict(
                UDI,
                controller=dict(dynamic=False, start=dict(con=.3, com=.2)))))
    assert runner.train_loop.guidance.alphas == dict(con=.3, com=.2)


def test_one_term_alone(tmp_path):
    runner = train(
        digits_cfg(tmp_path, dict(UDI, max_epochs=1, complementarity=None)))
    row = runner.train_loop.records[-1]['history'][0]
    assert not any('club' in key for key in row)
