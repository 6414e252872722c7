"""Several gloo ranks against one process."""
import pytest
import torch
import torch.distributed as dist
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmbalance_plugin.engine.hooks import SummaryHook
from tests.dist_utils import run_ranks
from tests.engine.digits import digits_cfg, weights

EPOCHS = 4  # of 6 steps: 24 in each stage


class Losses(Hook):
    """Every step's losses, and the alphas the step was taken with."""

    def __init__(self):
        self.rows = []

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        loop = runner.train_loop
        row = {k: v.item() for k, v in outputs.items() if 'loss' in k}
        guidance = getattr(loop, 'guidance', None)
        if guidance is not None:
            row.update(alpha_con=guidance.alphas['con'],
                       alpha_com=guidance.alphas['com'])
        self.rows.append((loop.stage.name, row))


def run(work_dir, world, norm, epochs):
    """Train UDI; return losses, weights and what phase 2 knows."""
    cfg = digits_cfg(
        work_dir,
        dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=epochs),
        batch_size=32 // world if 32 % world == 0 else 8,
        norm=norm)
    cfg.launcher = 'none' if world == 1 else 'pytorch'
    runner, hook = Runner.from_cfg(cfg), Losses()
    runner.register_hook(hook)
    before = {}

    class Snapshot(Hook):

        def before_stage(self, runner, stage):
            before[stage.name] = weights(runner)

    runner.register_hook(Snapshot())
    runner.train()
    loop = runner.train_loop
    cost = next(h.cost for h in runner.hooks if isinstance(h, SummaryHook))
    return dict(
        rows=hook.rows,
        weights=weights(runner),
        before=before,
        anchor=loop.choice.anchor,
        accuracy=loop.choice.accuracy,
        entropy=loop.choice.entropy,
        alphas=loop.guidance.alphas,
        history=loop.records[-1]['history'],
        cache={
            key: getattr(loop.guidance.caches[loop.choice.anchor], key)
            for key in ('features', 'logits')
        },
        estimator={
            k: v
            for k, v in loop.guidance.losses['com'].state_dict().items()
            if torch.is_tensor(v)
        },
        samples=dict(cost.samples))


def rank_run(work_dir, norm, epochs):
    """What a spawned rank does."""
    return run(work_dir, dist.get_world_size(), norm, epochs)


@pytest.fixture(scope='module')
def one(tmp_path_factory):
    return run(tmp_path_factory.mktemp('one'), 1, False, EPOCHS)


@pytest.fixture(scope='module')
def two(tmp_path_factory):
    return run_ranks(rank_run, 2, str(tmp_path_factory.mktemp('two')), False,
                     EPOCHS)


def test_two_ranks_follow_one_process_in_both_phases(one, two):
    stages = {name for name, _ in one['rows']}
    assert len(stages) == 3 and len(one['rows']) == 3 * 24
    for i, (stage, row) in enumerate(one['rows']):
        for key, value in row.items():
            mean = sum(ranks['rows'][i][1][key] for ranks in two) / 2
            assert abs(mean - value) < 1e-4, (i, stage, key)


def test_bound_of_the_global_batch_on_every_rank(one, two):
    follower = [row for name, row in one['rows'] if 'follower' in name]
    key = next(k for k in follower[0] if 'loss_com' in k)
    assert max(row[key] for row in follower) > 0
    for a, b in zip(two[0]['rows'], two[1]['rows']):
        if key in a[1]:
            assert a[1][key] == b[1][key]


def test_controller_uses_gradients_averaged_before_the_products(one, two):
    for a, b in zip(one['history'], two[0]['history']):
        for key in a:
            assert a[key] == pytest.approx(b[key], rel=2e-3, abs=2e-5), key


def test_ranks_agree_bit_for_bit(two):
    first, second = two
    for key in ('anchor', 'accuracy', 'entropy', 'alphas', 'history'):
        assert first[key] == second[key], key
    for key in ('weights', 'cache', 'estimator'):
        assert first[key].keys() == second[key].keys()
        for name in first[key]:
            assert torch.equal(first[key][name], second[key][name]), name


def test_ranks_choose_what_one_process_chooses(one, two):
    assert two[0]['anchor'] == one['anchor']
    assert two[0]['accuracy'] == pytest.approx(one['accuracy'], abs=.011)
    for key, value in one['cache'].items():
        torch.testing.assert_close(
            two[0]['cache'][key], value, rtol=1e-3, atol=1e-3)


def test_ranks_count_together_what_one_process_counts(one, two):
    """The pass of the anchor into its cache among the rest."""
    follower = next(m for m in one['samples'] if m != one['anchor'])
    assert one['samples'] == {
        one['anchor']: (EPOCHS + 1) * 192,
        follower: 2 * EPOCHS * 192 + (EPOCHS - 1) * 32
    }
    assert two[0]['samples'] == two[1]['samples'] == one['samples']


def test_the_anchor_stays_bit_identical_on_three_ranks(tmp_path):
    ranks = run_ranks(rank_run, 3, str(tmp_path), True, 1)
    for rank in ranks:
        anchor = rank['anchor']
        name = next(n for n in rank['before'] if n.startswith('follower'))
        keys = [k for k in rank['weights'] if f'.{anchor}.' in k]
        assert any('running_var' in k for k in keys)
        for key in keys:
            assert torch.equal(rank['before'][name][key],
                               rank['weights'][key]), key
            assert torch.equal(rank['weights'][key], ranks[0]['weights'][key])
