"""G-Blending: its objective, its three schedules, resume and ranks."""
import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from mmbalance_plugin.engine.loops.split_losses import split_losses
from tests.dist_utils import run_ranks
from tests.engine.digits import assert_same, digits_cfg, train, weights
from tests.engine.hooks.summary_utils import summary_of
from tests.engine.test_missing import lacking_cfg
from tests.models.recognizers.toy import batch, build

HEADS = ('fused', 'audio', 'visual')
_SEEN = []


def blend(**options):
    return [dict(type='mmbalance_plugin.GBlend', **options)]


def cfg(folder, objective=None, epochs=3, loop=None, **merge):
    """Three updates an epoch at a constant rate; the last weights count."""
    stage = dict(name='joint', keep='last')
    loop = loop or dict(max_epochs=epochs, stages=[stage])
    config = digits_cfg(
        folder,
        loop,
        head='ConcatHead',
        n_train=96,
        n_val=64,
        norm=False,
        **merge)
    if objective is not None:
        config.model.objective = copy.deepcopy(objective)
    config.param_scheduler = None
    config.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    return config


def resumed(config, folder, epoch):
    config.load_from = f'{folder}/epoch_{epoch}.pth'
    config.resume = True
    return train(config)


@HOOKS.register_module()
class LossesByHand(Hook):
    """Mean losses of the heads, in plain PyTorch, whenever asked."""

    def __init__(self):
        self.found = []

    def before_stage(self, runner, stage):
        if runner.train_loop.progress.epoch == 0:
            self.found.append(by_hand(runner))

    def after_train_epoch(self, runner):
        self.found.append(by_hand(runner))


def by_hand(runner):
    """Name of each head to its (training, held-out) cross-entropy."""
    model = copy.deepcopy(getattr(runner.model, 'module', runner.model))
    model.eval()
    splits = []
    held_out = runner.train_loop.held_out
    if held_out is None:
        held_out = runner.val_loop.dataloader.dataset
    for data in (runner.train_loop.dataloader.dataset, held_out):
        items = [data[i] for i in range(len(data))]
        y = torch.tensor([int(i['data_samples'].gt_label) for i in items])
        with torch.no_grad():
            phi = [
                model.encoders[m](
                    torch.stack([i['inputs'][m] for i in items]).float())
                for m in HEADS[1:]
            ]
            w, b = model.head.fc.weight, model.head.fc.bias
            logits = [torch.cat(phi, 1) @ w.T + b] + [
                phi[k] @ w[:, 16 * k:16 * k + 16].T + b / 2 for k in (0, 1)
            ]
        splits.append([float(F.cross_entropy(z, y)) for z in logits])
    return dict(zip(HEADS, zip(*splits)))


def weights_by_hand(start, end):
    raw = {}
    for name, (train_loss, val_loss) in start.items():
        gain = val_loss - end[name][1]
        gap = (end[name][1] - end[name][0]) - (val_loss - train_loss)
        raw[name] = max(gain, 0) / gap**2
    return {name: value / sum(raw.values()) for name, value in raw.items()}


def hand(runner):
    return next(h for h in runner.hooks if isinstance(h, LossesByHand))


def history(runner):
    """The weights that each epoch was trained with."""
    record, = runner.train_loop.records
    return [{m: row[f'g_blend_{m}'] for m in HEADS}
            for row in record['history']]


# ---- the objective -----------------------------------------------------
def test_equal_weights_are_multi_loss_over_the_number_of_heads():
    names = ('rgb', 'flow', 'sound')
    multi = [
        dict(type='mmbalance_plugin.FusedLoss'),
        dict(type='mmbalance_plugin.UnimodalLoss')
    ]
    found = []
    for objective in (multi, blend(form='fixed')):
        model = build(names, head='ConcatHead', objective=objective)
        losses = model.loss(*batch(names))
        sum(losses.values()).backward()
        found.append((losses, [p.grad for p in model.parameters()]))
    (losses, grads), (blended, less) = found
    assert list(losses) == list(blended)
    for name in losses:
        torch.testing.assert_close(blended[name], losses[name] / 4)
    for a, b in zip(grads, less):
        torch.testing.assert_close(b, a / 4)


def test_given_weights_and_own_heads():
    given = dict(fused=.356, rgb=.014, flow=.63)
    model = build(
        head='ConcatHead',
        objective=blend(form='fixed', weights=given, heads='own'))
    equal = build(
        head='ConcatHead', objective=blend(form='fixed', heads='own'))
    losses, thirds = model.loss(*batch()), equal.loss(*batch())
    assert list(model.learned['GBlend']) == ['rgb', 'flow']
    for name, weight in zip(losses, given.values()):
        torch.testing.assert_close(losses[name], 3 * weight * thirds[name])


@pytest.mark.parametrize('options, message', [
    (dict(form='later'), 'form'),
    (dict(interval=0), 'interval'),
    (dict(weights=dict(fused=.5, rgb=.5)), "'flow'"),
    (dict(weights=dict(fused=.5, rgb=.5, flow=.5)), 'sum to 1'),
    (dict(weights=dict(fused=1.5, rgb=-.5, flow=0)), 'negative'),
])
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        build(head='ConcatHead', objective=blend(**options))


def test_a_schedule_needs_its_loop():
    model = build(head='ConcatHead', objective=blend())
    with pytest.raises(RuntimeError, match='StagedTrainLoop'):
        model.loss(*batch())


def test_weights_stay_where_no_head_gained():
    model = build(head='ConcatHead', objective=blend())
    term, = model.terms
    term.start = {m: (1., 1.) for m in term.names}
    term._measure = lambda loop: dict(
        fused=(.5, 1.2), rgb=(.5, 1.1), flow=(.5, .9))
    term._estimate(None)
    assert term.weights.tolist() == [0, 0, 1]
    term._measure = lambda loop: {m: (.4, 1.3) for m in term.names}
    term._estimate(None)
    assert term.weights.tolist() == [0, 0, 1]
    assert term.start == term._measure(None)


def test_losses_of_a_split_are_those_of_its_batches(tmp_path):
    """Also where clips lack a modality: those count as 0."""
    config = lacking_cfg(tmp_path, dict(max_epochs=1), n_val=50)
    config.model.objective = blend(form='fixed')
    runner = Runner.from_cfg(config)
    model, total = runner.model.eval(), {}
    dataloader = runner.val_loop.dataloader
    with torch.no_grad():
        for data in dataloader:
            data = model.data_preprocessor(data, False)
            for name, loss in model.loss(**data).items():
                total[name] = total.get(name, 0) + float(loss) * len(
                    data['data_samples']) / 50
    found = split_losses(model, dataloader, model.terms)
    assert found == pytest.approx(total, rel=1e-5)


# ---- the running form --------------------------------------------------
@pytest.fixture(scope='module')
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp('running')
    return folder, train(
        cfg(folder, blend(interval=1), custom_hooks=[dict(
            type='LossesByHand')]))


def test_running_weights_by_an_independent_derivation(running):
    _, runner = running
    found, told = hand(runner).found, history(runner)
    assert told[0] == pytest.approx(dict.fromkeys(HEADS, 1 / 3))
    for i in (0, 1):
        expected = weights_by_hand(found[i], found[i + 1])
        assert told[i + 1] == pytest.approx(expected, abs=1e-3)
    # Three epochs, and three estimates, each over all training data.
    assert summary_of(runner)['cost']['encoder_samples'] == dict(
        audio=3 * 96 + 3 * (96 + 64), visual=3 * 96 + 3 * (96 + 64))


def test_a_resumed_running_form_is_the_uninterrupted_one(running, tmp_path):
    folder, whole = running
    again = resumed(cfg(tmp_path, blend(interval=1)), folder, 1)
    assert_same(weights(whole), weights(again))
    assert history(whole) == history(again)


def test_a_share_of_training_may_be_held_out(tmp_path):
    config = cfg(
        tmp_path,
        blend(interval=1),
        2,
        custom_hooks=[dict(type='LossesByHand')])
    config.train_cfg.hold_out = .25
    runner = train(config)
    term, = runner.model.terms
    for name, losses in hand(runner).found[1].items():
        assert term.start[name] == pytest.approx(losses, rel=1e-4)
    # Two epochs of 72 samples; two passes over these and the other 24.
    assert summary_of(runner)['cost']['encoder_samples'] == dict(
        audio=2 * 72 + 2 * 96, visual=2 * 72 + 2 * 96)


def test_each_stage_starts_anew(tmp_path):
    stages = [dict(name='one', epochs=2), dict(name='two', epochs=1)]
    runner = train(
        cfg(tmp_path, blend(interval=1), loop=dict(
            max_epochs=2, stages=stages)))
    one, two = (r['history'] for r in runner.train_loop.records)
    assert one[0] == dict(two[0], epoch=1) != dict(one[1], epoch=1)


@pytest.mark.parametrize('offline', [False, True])
def test_nothing_held_out_is_told(tmp_path, offline):
    config = offline_cfg(tmp_path) if offline else cfg(tmp_path, blend())
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        config[key] = None
    with pytest.raises(ValueError, match='compares training with'):
        train(config)


# ---- the online form ---------------------------------------------------
@HOOKS.register_module()
class Excursions(Hook):
    """Looks an epoch ahead, and goes back."""

    def after_train_epoch(self, runner):
        with runner.train_loop.excursion() as train_on:
            train_on(1)
            _SEEN.append(weights(runner))


def test_an_excursion_sees_the_next_epoch_and_leaves_no_trace(tmp_path):
    """With momentum, and an update left over in each epoch."""
    _SEEN.clear()
    runs = []
    for name, hooks in (('plain', []), ('ahead', [dict(type='Excursions')])):
        config = cfg(tmp_path / name, epochs=2, custom_hooks=hooks)
        config.optim_wrapper.accumulative_counts = 2
        runs.append(train(config))
    assert_same(*map(weights, runs))
    assert_same(_SEEN[0], weights(runs[0]))
    steps = [summary_of(r)['cost']['optimizer_steps'] for r in runs]
    assert steps == [4, 8]


@pytest.fixture(scope='module')
def online(tmp_path_factory):
    folder = tmp_path_factory.mktemp('online')
    return folder, train(cfg(folder, blend(form='online', interval=1), 2))


def test_online_heads_train_alone_from_the_same_weights(tmp_path):
    ends = {}
    for name in HEADS:
        alone = {m: float(m == name) for m in HEADS}
        one = train(
            cfg(
                tmp_path / name,
                blend(form='fixed', weights=alone),
                1,
                custom_hooks=[dict(type='LossesByHand')]))
        start, end = hand(one).found
        ends[name] = end[name]
    first = train(
        cfg(tmp_path / 'online', blend(form='online', interval=1), 1))
    told, = history(first)
    assert told == pytest.approx(weights_by_hand(start, ends), abs=1e-3)
    # Two passes over the data for each head and once for the start; training
    # for each head and of the run itself.
    cost = summary_of(first)['cost']
    assert cost['optimizer_steps'] == 3 * 4
    assert cost['encoder_samples']['audio'] == 4 * 96 + 4 * (96 + 64)


def test_a_resumed_online_form_is_the_uninterrupted_one(online, tmp_path):
    folder, whole = online
    again = resumed(
        cfg(tmp_path, blend(form='online', interval=1), 2), folder, 1)
    assert_same(weights(whole), weights(again))
    assert history(whole) == history(again)


# ---- the offline form --------------------------------------------------
def offline_cfg(folder, **options):
    loop = dict(
        type='mmbalance_plugin.GBlendTrainLoop',
        max_epochs=2,
        estimate_epochs=2,
        **options)
    return cfg(folder, loop=loop)


@pytest.fixture(scope='module')
def offline(tmp_path_factory):
    folder = tmp_path_factory.mktemp('offline')
    return folder, train(offline_cfg(folder))


def test_offline_weights_and_what_they_train(offline, tmp_path):
    folder, runner = offline
    summary = summary_of(runner)
    assert [s['name'] for s in summary['stages']] == [
        'unimodal_audio', 'unimodal_visual', 'fused', 'blend'
    ]
    found = summary['g_blend']
    expected = weights_by_hand(found['start'], found['end'])
    assert found['weights'] == pytest.approx(expected)
    # Each head starts from the initial weights, and ends after its stage.
    plain = cfg(
        tmp_path / 'joint', None, 2, custom_hooks=[dict(type='LossesByHand')])
    start, _, end = hand(train(plain)).found
    for name in HEADS:
        assert found['start'][name] == pytest.approx(start[name], rel=1e-4)
    assert found['end']['fused'] == pytest.approx(end['fused'], rel=1e-4)
    # The last stage is a run with these weights.
    fixed = blend(form='fixed', weights=found['weights'])
    config = cfg(tmp_path / 'fixed', fixed, 2)
    config.train_cfg.stages[0].keep = 'best'
    assert_same(weights(runner), weights(train(config)))


@pytest.mark.parametrize('epoch', [5, 7])
def test_a_resumed_offline_form_is_the_uninterrupted_one(
        offline, tmp_path, epoch):
    folder, whole = offline
    again = resumed(offline_cfg(tmp_path), folder, epoch)
    assert_same(weights(whole), weights(again))
    assert summary_of(whole)['g_blend'] == summary_of(again)['g_blend']


# ---- ranks -------------------------------------------------------------
def rank_cfg(form, folder):
    if form == 'offline':
        return offline_cfg(folder)
    return cfg(folder, blend(form=form, interval=1), 2)


def rank_run(form, folder):
    config = rank_cfg(form, f'{folder}/{get_rank()}')
    config.train_dataloader.batch_size = 16
    config.launcher = 'pytorch'
    runner = train(config)
    return weights(runner), runner.train_loop.records[-1]['history']


@pytest.mark.parametrize('form', [
    'online',
    pytest.param('running', marks=pytest.mark.slow),
    pytest.param('offline', marks=pytest.mark.slow)
])
def test_two_ranks_are_one_process(tmp_path, form):
    first, second = run_ranks(rank_run, 2, form, str(tmp_path))
    assert_same(first[0], second[0])
    assert first[1] == second[1]
    one = train(rank_cfg(form, tmp_path / 'one')).train_loop.records[-1]
    for found, expected in zip(first[1], one['history']):
        assert found == pytest.approx(expected, abs=1e-3)
