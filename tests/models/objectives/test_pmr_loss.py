"""PMR: prototypes, the loss by them, whole runs and ranks."""
import copy

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.optim import OptimWrapper
from torch.optim import SGD

from mmbalance_plugin.engine.features import FeatureBank
from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.models.objectives import BatchRecord, PMRLoss
from mmbalance_plugin.models.presence import Presence
from tests.dist_utils import run_ranks
from tests.engine.digits import assert_same, digits_cfg, train
from tests.engine.digits import weights as weights_of
from tests.engine.modulation_toy import (
    CLASSES,
    assert_close,
    batches,
    split,
    weights,
)
from tests.engine.modulation_toy import build as build_images
from tests.models.recognizers.toy import build

FUSED = dict(type='mmbalance_plugin.FusedLoss')
Y = torch.tensor([0, 1])


def golden(present=None, **options):
    """The term on the two samples of the reference."""
    double = dict(dtype=torch.float64)
    features = dict(
        rgb=torch.tensor([[.2, 0.], [1.5, .5]], **double),
        flow=torch.tensor([[.1, .4], [.3, .6]], **double))
    term = PMRLoss(**options)
    term.prototypes = dict(
        rgb=torch.tensor([[0., 0.], [2., 0.]], **double),
        flow=torch.tensor([[0., 0.], [0., 1.]], **double))
    term.known = dict.fromkeys(features, torch.ones(2, dtype=torch.bool))
    for feature in features.values():
        feature.requires_grad_()
    return term, BatchRecord(build(), {}, [], Y, features, present)


def test_golden_loss_without_and_with_entropy():
    term, record = golden()
    losses = term(record)
    numbers = {name: float(value) for name, value in losses.items()}
    assert numbers == pytest.approx(
        dict(
            loss_pmr=.408787 * .605669,
            pce_rgb=.266315,
            pce_flow=.605669,
            pmr_coefficient_rgb=0,
            pmr_coefficient_flow=.408787),
        abs=1e-6)
    losses['loss_pmr'].backward()
    assert not record.features['rgb'].grad.any()  # the leader
    assert record.features['flow'].grad.any()
    for epochs, expected in ((1, .245426), (0, .408787 * .605669)):
        term, record = golden(mu=.01, entropy_epochs=epochs)
        assert float(term(record)['loss_pmr']) == pytest.approx(
            expected, abs=1e-6)


def test_level_modalities_are_joint_training():
    term, record = golden(mu=.1)
    record.features['flow'] = record.features['rgb']
    term.prototypes['flow'] = term.prototypes['rgb']
    loss = term(record)['loss_pmr']
    loss.backward()
    assert loss == 0 and not record.features['rgb'].grad.any()


def test_what_is_not_there_has_no_part():
    whole, record = golden()
    expected = whole(record)
    # The second sample lacks flow, so flow is judged by the first alone.
    term, record = golden(Presence(2, dict(flow=[0])))
    found = term(record)
    one, first = golden()
    first.features = {m: f[:1] for m, f in first.features.items()}
    first.targets = Y[:1]
    alone = one(first)
    torch.testing.assert_close(found['pce_rgb'], expected['pce_rgb'])
    torch.testing.assert_close(found['pce_flow'], alone['pce_flow'] / 2)
    # A class without a prototype: neither loss nor gradient of its samples.
    term, record = golden(alpha=2.)
    term.known = dict(rgb=torch.tensor([True, True]),
                      flow=torch.tensor([True, False]))
    losses = term(record)
    assert losses['pce_flow'] == 0
    losses['loss_pmr'].backward()
    assert not record.features['flow'].grad.any()


def bank(values, targets, **present):
    features = torch.tensor(values)[:, None].float()
    return FeatureBank(
        dict(rgb=features, flow=10 * features), {}, torch.tensor(targets),
        None, {m: torch.tensor(there) for m, there in present.items()})


def test_prototypes_are_class_means_that_follow_with_momentum():
    term = PMRLoss(momentum=.2)
    term.update(bank([1, 3, 5], [0, 0, 2], flow=[True, False, False]), 3)
    assert term.prototypes['rgb'].flatten().tolist() == [2, 0, 5]
    assert term.known['rgb'].tolist() == [True, False, True]
    assert term.prototypes['flow'].flatten().tolist() == [10, 0, 0]
    assert term.known['flow'].tolist() == [True, False, False]
    term.update(bank([4, 6, 9], [0, 1, 1]), 3)
    torch.testing.assert_close(term.prototypes['rgb'].flatten(),
                               torch.tensor([.2 * 2 + .8 * 4, 7.5, 5]))
    assert term.known['rgb'].all()


# ---- runs ----------------------------------------------------------------
def cfg(folder, epochs=3, **options):
    term = dict(type='mmbalance_plugin.PMRLoss', share=.5, **options)
    stage = dict(name='joint', objective=[FUSED, term], keep='last')
    config = digits_cfg(
        folder,
        dict(max_epochs=epochs, stages=[stage]),
        head='ConcatHead',
        n_train=96,
        n_val=64)
    config.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    return config


def test_without_strength_it_is_joint_training(tmp_path):
    plain = cfg(tmp_path / 'plain', 2)
    plain.train_cfg.stages[0].objective = [FUSED]
    assert_same(
        weights_of(train(cfg(tmp_path / 'pmr', 2, alpha=0.))),
        weights_of(train(plain)))


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole = train(cfg(tmp_path / 'whole', mu=.01, entropy_epochs=2))
    for epoch in (1, 2):
        again = cfg(tmp_path / f'again{epoch}', mu=.01, entropy_epochs=2)
        again.load_from = str(tmp_path / 'whole' / f'epoch_{epoch}.pth')
        again.resume = True
        assert_same(weights_of(whole), weights_of(train(again)))
    hub = whole.message_hub.log_scalars
    assert {'train/pmr_coefficient_audio', 'train/pce_visual'} <= set(hub)


# ---- ranks ---------------------------------------------------------------
def steps(data, wrap=lambda model: model):
    model = build_images(objective=[
        FUSED, dict(type='mmbalance_plugin.PMRLoss', alpha=2., mu=.1)])
    generator = torch.Generator().manual_seed(1)
    for m, width in model.head.in_channels.items():
        term = model.terms[1]
        term.prototypes[m] = torch.randn(CLASSES, width, generator=generator)
        term.known[m] = torch.tensor([True, True, True, False])
    model = wrap(model)
    wrapper = OptimWrapper(SGD(model.parameters(), lr=.1, momentum=.9))
    for part in copy.deepcopy(data):
        model.train_step(part, wrapper)
    return weights(model)


def rank_steps():
    return steps([split(b, 2)[get_rank()] for b in batches(4, size=16)],
                 MultimodalDistributedDataParallel)


def test_two_ranks_are_one_process_with_the_whole_batch():
    first, second = run_ranks(rank_steps, 2)
    assert_same(first, second)
    assert_close(first, steps(batches(4, size=16)))


def test_mistakes_are_told():
    for wrong in (dict(alpha=-1.), dict(mu=-1.), dict(momentum=1.),
                  dict(share=0.)):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            PMRLoss(**wrong)
    with pytest.raises(ValueError, match='compares'):
        build(('rgb', )).enter_stage(objective=[PMRLoss()])
    _, record = golden()
    with pytest.raises(RuntimeError, match='StagedTrainLoop'):
        PMRLoss()(record)
