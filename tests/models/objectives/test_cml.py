"""CML as a term: values, what is lacking, ranks, runs and their resume."""
import pytest
import torch
from mmengine.dist import get_rank
from mmengine.optim import OptimWrapper
from torch.optim import SGD

from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.functional import cml_loss
from mmbalance_plugin.models.objectives import CMLLoss
from mmbalance_plugin.models.presence import Presence
from tests.dist_utils import run_ranks
from tests.engine.digits import assert_same as assert_same_runs
from tests.engine.digits import digits_cfg, train
from tests.engine.digits import weights as run_weights
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    batches,
    split,
    weights,
)
from tests.engine.modulation_toy import build as build_images
from tests.models.recognizers.toy import batch, build

FUSED = dict(type='mmbalance_plugin.FusedLoss')
THREE = ('rgb', 'flow', 'sound')


def objective(weight=1.):
    return [FUSED, dict(type='mmbalance_plugin.CMLLoss', weight=weight)]


def test_golden_value():
    """The port's clamp of the batch's sum gives 0 here."""
    whole, part = torch.tensor([[.8, .6], [.9, .4]], dtype=torch.float64)
    assert cml_loss([whole, part]).item() == pytest.approx(.05)
    with pytest.raises(ValueError, match='compares'):
        cml_loss([whole])


def by_hand(model, features, names, order):
    """Sample by sample, step by step."""
    def sure(i, left):
        row = {
            m: features[m][i:i + 1] if m in left else torch.zeros_like(
                features[m][i:i + 1])
            for m in features
        }
        return model.head(row).softmax(1).max()

    terms = []
    for i in range(len(order[0])):
        there = [m for m in features if m in names[i]]
        taken = sorted(there, key=lambda m: order[list(features).index(m)][i])
        steps = [sure(i, there)]
        for k in range(1, len(there)):
            steps.append(sure(i, taken[k:]))
        terms += [(b - a).clamp(min=0) for a, b in zip(steps, steps[1:])]
        terms += [torch.zeros(())] * (len(features) - len(there))
    return sum(terms) / len(terms)


@pytest.mark.parametrize('lacking', [False, True])
def test_value_sample_by_sample(lacking):
    model = build(THREE, head='MLPHead', objective=objective()).eval()
    inputs, samples = batch(THREE)
    present, names = None, [THREE] * 6
    if lacking:
        present = Presence(6, dict(rgb=(0, 2, 3, 4), flow=(0, 1, 2)))
        names = present.names_of(THREE)
        inputs['rgb'] = inputs['rgb'][[0, 2, 3, 4]]
        inputs['flow'] = inputs['flow'][:3]
    record = model.batch_record(inputs, samples, present)
    term = model.terms[1]
    order = term.removal_order(record)
    assert order.sort(dim=0).values.tolist() == [[0] * 6, [1] * 6, [2] * 6]
    assert len({tuple(o) for o in order.T.tolist()}) > 1
    loss = term(record)['loss_cml']
    expected = by_hand(model, record.features, names, order.tolist())
    assert loss > 0
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters()
               if p.grad is not None)


def test_statistics_of_the_head_see_whole_batches_only():
    model = build(
        head='MLPHead', objective=objective(), head_cfg=dict(norm=True))
    plain = build(head='MLPHead', head_cfg=dict(norm=True))
    for each in (model, plain):
        each.train().loss(*batch())
    assert_same(weights(model), weights(plain))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match='weight'):
        CMLLoss(weight=-1.)
    with pytest.raises(ValueError, match="compares.*'rgb'"):
        build(('rgb', ), objective=objective())


def run(data, wrap=lambda model: model, weight=1., accumulate=1):
    model = wrap(build_images(objective=objective(weight)))
    wrapper = OptimWrapper(
        SGD(model.parameters(), lr=.1, momentum=.9),
        accumulative_counts=accumulate)
    if accumulate > 1:
        wrapper.initialize_count_status(model, 0, len(data))
    for part in data:
        model.train_step(part, wrapper)
    return weights(model)


def by_label(self, record):
    """An order that goes with the sample, wherever it is."""
    first = record.targets % 2
    return torch.stack([first, 1 - first])


def rank_run():
    CMLLoss.removal_order = by_label  # in a process of its own
    data = [split(b, 2)[get_rank()] for b in batches(4, size=16)]
    return run(data, MultimodalDistributedDataParallel)


def test_ranks_and_micro_batches_are_one_batch(monkeypatch):
    monkeypatch.setattr(CMLLoss, 'removal_order', by_label)
    whole = run(batches(4, size=16))
    first, second = run_ranks(rank_run, 2)
    assert_same(first, second)
    assert_close(first, whole)
    halves = [part for b in batches(4, size=16) for part in split(b, 2)]
    assert_close(run(halves, accumulate=2), whole)
    joint = run(batches(4, size=16), weight=0.)
    assert any(not torch.equal(joint[k], whole[k]) for k in whole)


def test_half_precision_is_compared_in_single():
    model = build(objective=objective())
    with torch.autocast('cpu', torch.bfloat16):
        assert model.loss(*batch())['loss_cml'].dtype == torch.float32


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    def cfg(name):
        return digits_cfg(
            tmp_path / name,
            dict(max_epochs=2),
            head='ConcatHead',
            n_train=96,
            n_val=64,
            model=dict(objective=objective()),
            default_hooks=dict(
                checkpoint=dict(interval=1, max_keep_ckpts=-1)))

    whole = train(cfg('whole'))
    again = cfg('again')
    again.load_from = str(tmp_path / 'whole' / 'epoch_1.pth')
    again.resume = True
    assert_same_runs(run_weights(whole), run_weights(train(again)))
