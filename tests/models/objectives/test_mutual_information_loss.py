"""Losses weighted by mutual information: schedule, resume and ranks."""
import copy

import numpy as np
import pytest
import torch
from mmengine.dist import get_rank
from sklearn.metrics import f1_score

from mmbalance_plugin.functional import feature_mutual_information
from mmbalance_plugin.models.objectives import MutualInformationLoss
from mmbalance_plugin.registry import MODELS
from tests.dist_utils import run_ranks
from tests.engine.digits import assert_same, digits_cfg, train, weights
from tests.engine.test_missing import lacking_cfg
from tests.models.recognizers.toy import batch, build

MODALITIES = ('audio', 'visual')
FUSED = dict(type='mmbalance_plugin.FusedLoss')
UNIMODAL = dict(type='mmbalance_plugin.UnimodalLoss')
MI = dict(type='mmbalance_plugin.MutualInformationLoss', beta=3.)


def cfg(folder, term=MI, epochs=3, hold_out=.25, make=digits_cfg, **merge):
    """Three updates an epoch on 96 of 128 samples; the last weights count."""
    options = dict(max_epochs=epochs, stages=[dict(name='joint', keep='last')])
    if hold_out:
        options['hold_out'] = hold_out
    config = make(
        folder, options, head='ConcatHead', n_train=128, n_val=64, **merge)
    config.model.objective = [FUSED, dict(term)]
    config.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    return config


def history(runner):
    record, = runner.train_loop.records
    return record['history']


@MODELS.register_module()
class WatchedMutualInformationLoss(MutualInformationLoss):
    """Looks at the held-out samples in plain PyTorch, too."""

    expected = []

    def calibrate(self, loop):
        super().calibrate(loop)
        model, data = copy.deepcopy(loop.model).eval(), loop.held_out
        items = [data[i] for i in range(len(data))]
        y = [int(item['data_samples'].gt_label) for item in items]
        with torch.no_grad():
            phi = {
                m: model.encoders[m](
                    torch.stack([i['inputs'][m] for i in items]).float())
                for m in MODALITIES
            }
        w, b = model.head.fc.weight, model.head.fc.bias
        raw, self.found = [], {}
        for k, m in enumerate(MODALITIES):
            z = phi[m] @ w[:, 16 * k:16 * k + 16].T + b / 2
            self.found[f'mi_f1_{m}'] = f1_score(
                y, z.argmax(1), labels=np.unique(y), average='macro')
            self.found[f'mi_{m}'] = feature_mutual_information(
                phi[m], phi[MODALITIES[1 - k]])
            raw.append(3. * (1 - self.found[f'mi_f1_{m}']) +
                       self.found[f'mi_{m}'])
        shares = np.exp(raw) / np.exp(raw).sum()
        self.found.update({
            f'mi_weight_{m}': 2 * share
            for m, share in zip(MODALITIES, shares)
        })
        self.expected.append(self.found)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    WatchedMutualInformationLoss.expected.clear()
    watched = dict(MI, type='mmbalance_plugin.WatchedMutualInformationLoss')
    return folder, train(cfg(folder, watched))


def test_weights_by_an_independent_derivation(whole):
    found, expected = history(whole[1]), WatchedMutualInformationLoss.expected
    assert len(found) == len(expected) == 3
    for epoch, row in enumerate(found):
        assert row == pytest.approx(
            dict(expected[epoch], epoch=epoch + 1), abs=1e-4)
    # F1 tells the modalities apart, and changes.
    assert found[-1]['mi_f1_audio'] != found[-1]['mi_f1_visual']
    assert found[0]['mi_weight_audio'] != found[-1]['mi_weight_audio']


def test_what_calibrates_does_not_train(whole):
    loop = whole[1].train_loop
    kept, held = loop.dataloader.dataset, loop.held_out
    assert (len(kept), len(held)) == (96, 32)
    seen = [{item['inputs']['audio'].numpy().tobytes()
             for item in map(data.__getitem__, range(len(data)))}
            for data in (kept, held)]
    assert not seen[0] & seen[1]
    assert len(loop.dataloader) == 3
    assert whole[1].cfg.train_dataloader.dataset.n_pairs == 128


def test_a_resumed_run_is_the_uninterrupted_one(whole, tmp_path):
    folder, runner = whole
    config = cfg(tmp_path)
    config.model.objective[1].type = \
        'mmbalance_plugin.WatchedMutualInformationLoss'
    config.load_from, config.resume = f'{folder}/epoch_1.pth', True
    again = train(config)
    assert_same(weights(runner), weights(again))
    assert history(again) == history(runner)


def test_a_resumed_run_holds_out_the_same(whole, tmp_path):
    config = cfg(tmp_path, hold_out=.26)  # 33 of 128, still three batches
    config.load_from, config.resume = f'{whole[0]}/epoch_1.pth', True
    with pytest.raises(ValueError, match=r'hold_out: 0\.25 before'):
        train(config)


def test_without_beta_and_gamma_it_is_multi_loss(tmp_path):
    runs = [
        train(cfg(tmp_path / name, term, epochs=2))
        for name, term in dict(
            mi=dict(MI, beta=0., gamma=0.), multi=UNIMODAL).items()
    ]
    assert_same(*map(weights, runs))


def test_weights_multiply_the_losses_of_each_modality():
    model = build(head='ConcatHead', objective=[dict(MI, heads='own')])
    multi = build(head='ConcatHead', objective=[dict(UNIMODAL, heads='own')])
    term, = model.terms
    term.last = dict(run=1.)  # as if in a run
    for m, weight in dict(rgb=.5, flow=1.5).items():
        term.weights[m].fill_(weight)
    found, plain = (part.loss(*batch()) for part in (model, multi))
    for m, weight in dict(rgb=.5, flow=1.5).items():
        torch.testing.assert_close(found[f'loss_cls_{m}'],
                                   weight * plain[f'loss_cls_{m}'])


def test_samples_that_lack_a_modality_are_left_out(tmp_path):
    runner = train(cfg(tmp_path, epochs=1, make=lacking_cfg))
    row, = history(runner)
    assert all(np.isfinite(value) for value in row.values())
    assert row['mi_weight_audio'] + row['mi_weight_visual'] == \
        pytest.approx(2)
    assert row['mi_audio'] == pytest.approx(row['mi_visual'])


def test_micro_batches_are_weighted_as_the_whole_batch(tmp_path):
    """In one epoch: F1 of the next may jump where the last bits differ."""
    runs = []
    for size in (16, 32):
        config = cfg(tmp_path / str(size), epochs=1, norm=False)
        config.param_scheduler = None  # or it would count micro-batches
        config.train_dataloader.batch_size = size
        config.optim_wrapper.accumulative_counts = 32 // size
        runs.append(weights(train(config)))
    for name, value in runs[1].items():
        torch.testing.assert_close(runs[0][name], value, atol=1e-5, rtol=0)


# ---- bad input -----------------------------------------------------------
@pytest.mark.parametrize('options, message', [
    (dict(estimator='guess'), 'estimator'),
    (dict(components=0), 'at least 1'),
])
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        MutualInformationLoss(**options)


def test_it_needs_two_modalities_and_its_loop():
    with pytest.raises(ValueError, match='two modalities'):
        build(objective=[dict(MI, modalities=['rgb'])])
    with pytest.raises(RuntimeError, match='StagedTrainLoop'):
        build(objective=[FUSED, MI]).loss(*batch())


@pytest.mark.parametrize('hold_out, message', [
    (0, r'train_cfg\.hold_out'), (1., 'below 1'), (-.5, 'above 0')])
def test_what_is_held_out_is_checked(tmp_path, hold_out, message):
    with pytest.raises(ValueError, match=message):
        train(cfg(tmp_path, hold_out=hold_out))


# ---- ranks -------------------------------------------------------------
def rank_run(folder):
    config = cfg(f'{folder}/{get_rank()}', epochs=2, norm=False)
    config.train_dataloader.batch_size = 16
    config.launcher = 'pytorch'
    runner = train(config)
    return weights(runner), history(runner)


def test_two_ranks_are_one_process(tmp_path):
    first, second = run_ranks(rank_run, 2, str(tmp_path))
    assert_same(first[0], second[0])
    assert first[1] == second[1]
    one = train(cfg(tmp_path / 'one', epochs=2, norm=False))
    for found, expected in zip(first[1], history(one)):
        assert found == pytest.approx(expected, abs=2e-2)
