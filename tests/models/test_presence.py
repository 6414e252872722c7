"""Batches of which samples lack modalities, against one sample at a time.

The reference below knows nothing of masks: it encodes and fuses each sample
by itself, from what it has, and averages.
"""
import pytest
import torch
import torch.nn.functional as F
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from mmbalance_plugin.models.presence import Presence
from mmbalance_plugin.registry import MODELS
from tests.dist_utils import run_ranks
from tests.models.recognizers.toy import (
    CHANNELS,
    batch,
    build,
    config,
    snapshot,
)

ALL = ('rgb', 'flow', 'sound')
#: Which of eight samples lack what.
LACKS = {0: ('rgb', ), 2: ('flow', ), 3: ('rgb', 'sound'), 6: ('rgb', )}
HEADS = {
    'mean': dict(type='DecisionHead'),
    'sum_logits': dict(type='DecisionHead', combine='sum_logits'),
    'sum_log_probs': dict(type='DecisionHead', combine='sum_log_probs'),
    'fitted': dict(type='DecisionHead', combine='fitted'),
    'fitted_log': dict(
        type='DecisionHead', combine='fitted', pool='log_probs'),
    'sum': dict(type='SumHead'),
    'concat': dict(type='ConcatHead'),
    'mlp': dict(type='MLPHead'),
    'film': dict(type='FiLMHead'),
    'gated': dict(type='GatedHead'),
}
PAIRS = ('film', 'gated')


def names_of(head):
    return ('rgb', 'flow') if head in PAIRS else ALL


def toy(head='mean', norm=False, **kwargs):
    """A recognizer, by default of encoders that see each sample alone."""
    cfg = dict(HEADS[head])
    kind = cfg.pop('type')
    cfg = config(names_of(head), kind, head_cfg=cfg, **kwargs)
    for encoder in cfg['encoders'].values():
        encoder['backbone']['norm_cfg'] = dict(type='BN1d') if norm else None
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    if model.head.needs_fit:
        model.head.weights.copy_(torch.tensor([.5, .2, .3]))
    return model


def data(names=ALL, lacks=LACKS, size=8, rows=None):
    """What a loader gives: an input of no rows where there is nothing."""
    inputs, samples = batch(names, size)
    rows = range(size) if rows is None else rows
    inputs = {
        m: [
            value[i] if m not in lacks.get(i, ()) else
            value[i].new_empty(0, *value[i].shape) for i in rows
        ]
        for m, value in inputs.items()
    }
    return dict(inputs=inputs, data_samples=[samples[i] for i in rows])


def has(index, names, lacks=LACKS):
    return [m for m in names if m not in lacks.get(index, ())]


def alone(model, index, names=ALL, lacks=LACKS):
    """Features of one sample, of what it has."""
    inputs, _ = batch(names, 8)
    return {
        m: model.encoders[m](inputs[m][index][None])[0]
        for m in has(index, names, lacks)
    }


def fuse(head, features):
    """Log-probabilities of one sample, written down per head."""
    kind = type(head).__name__
    if kind in ('DecisionHead', 'SumHead'):
        z = torch.stack([head.branches[m](f) for m, f in features.items()])
        rule = getattr(head, 'combine', 'sum_logits')
        if rule in ('sum_logits', 'sum_log_probs'):
            return z.sum(0).log_softmax(-1)
        w = torch.ones(len(z))
        if rule == 'fitted':
            w = torch.stack([
                head.weights[head.modalities.index(m)] for m in features])
        w = (w / w.sum())[:, None]
        if rule == 'fitted' and head.pool == 'log_probs':
            return (w * z.log_softmax(-1)).sum(0).log_softmax(-1)
        return (w * z.softmax(-1)).sum(0).log()
    zeros = {m: torch.zeros(CHANNELS[m]) for m in head.modalities}
    return head({m: f[None] for m, f in {**zeros, **features}.items()}
                )[0].log_softmax(-1)


def gradients(model):
    return {n: p.grad.clone() for n, p in model.named_parameters()}


# ---- predictions -------------------------------------------------------
@pytest.mark.parametrize('head', HEADS)
def test_predictions_are_those_of_what_is_there(head):
    model, names = toy(head).eval(), names_of(head)
    lacks = {i: tuple(set(gone) & set(names)) for i, gone in LACKS.items()}
    with torch.no_grad():
        samples = model.val_step(data(names, lacks))
        for index, sample in enumerate(samples):
            features = alone(model, index, names, lacks)
            expected = fuse(model.head, features).exp()
            torch.testing.assert_close(sample.pred_score, expected)
            assert sample.pred_label == expected.argmax()
            assert list(sample.pred_scores) == list(features)
            assert sample.modality_mask == {
                m: m in features for m in names}


@pytest.mark.parametrize('head', ['mean', 'fitted', 'fitted_log'])
def test_one_modality_left_decides_alone_exactly(head):
    model = toy(head).eval()
    lacks = {0: ('rgb', 'sound'), 1: ('rgb', 'sound')}
    with torch.no_grad():
        samples = model.val_step(data(lacks=lacks))
    for sample in samples[:2]:
        torch.testing.assert_close(
            sample.pred_score, sample.pred_scores['flow'], rtol=0, atol=1e-7)
        assert sample.pred_label == sample.pred_scores['flow'].argmax()


@pytest.mark.parametrize('head', HEADS)
def test_what_stands_in_an_absent_place_makes_no_difference(head):
    names = names_of(head)
    model = toy(head).eval()
    features = {m: torch.randn(8, CHANNELS[m]) for m in names}
    masks = {'rgb': torch.arange(8) % 3 > 0}
    clean = model.head.fused_logits(features, masks)
    features['rgb'][~masks['rgb']] = float('nan')
    spoilt = model.head.fused_logits(features, masks)
    assert spoilt.isfinite().all() and torch.equal(clean, spoilt)


# ---- training ----------------------------------------------------------
@pytest.mark.parametrize('head', HEADS)
def test_joint_gradients_are_the_mean_over_samples(head):
    model, names = toy(head), names_of(head)
    lacks = {i: tuple(set(gone) & set(names)) for i, gone in LACKS.items()}
    given = model.data_preprocessor(data(names, lacks), True)
    loss = model(**given, mode='loss')['loss_cls']
    loss.backward()
    found = gradients(model)
    model.zero_grad()
    expected = sum(
        F.nll_loss(
            fuse(model.head, alone(model, i, names, lacks))[None],
            torch.tensor([i % 5])) for i in range(8)) / 8
    expected.backward()
    torch.testing.assert_close(loss, expected)
    for name, grad in gradients(model).items():
        torch.testing.assert_close(found[name], grad)


def test_unimodal_gradients_are_those_of_samples_that_have_it():
    model = toy()
    model.enter_stage(('rgb', 'flow'), 'unimodal')
    given = model.data_preprocessor(data(), True)
    losses = model(**given, mode='loss')
    assert list(losses) == ['loss_cls_rgb', 'loss_cls_flow']
    sum(losses.values()).backward()
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    found = {n: p.grad.clone() for n, p in trained.items()}
    model.zero_grad()
    for m in ('rgb', 'flow'):
        expected = sum(
            F.cross_entropy(
                model.head.branches[m](alone(model, i)[m])[None],
                torch.tensor([i % 5]))
            for i in range(8) if m in has(i, ALL)) / 8
        torch.testing.assert_close(losses[f'loss_cls_{m}'], expected)
        expected.backward()
    for name, value in trained.items():
        torch.testing.assert_close(found[name], value.grad)


@pytest.mark.parametrize('objective', ['fused', 'unimodal'])
def test_batch_statistics_are_those_of_what_is_there(objective):
    model, plain = toy(norm=True), toy(norm=True)
    model.enter_stage(None, objective)
    model(**model.data_preprocessor(data(), True), mode='loss')
    inputs, _ = batch(ALL, 8)
    for m in ALL:
        rows = [i for i in range(8) if m in has(i, ALL)]
        plain.encoders[m](inputs[m][rows])
    for m in ALL:
        for key, value in model.encoders[m].state_dict().items():
            assert torch.equal(value, plain.encoders[m].state_dict()[key])


@pytest.mark.parametrize('objective', ['fused', 'unimodal'])
@pytest.mark.parametrize('there', [(), (5, )])
def test_a_batch_with_one_or_none_of_a_modality(objective, there):
    """BatchNorm cannot take statistics of one, and the gradient of none is
    zero, not absent: DDP waits for it."""
    model = toy(norm=True)
    model.enter_stage(None, objective)
    lacks = {i: ('rgb', ) for i in range(8) if i not in there}
    before = snapshot(model)
    losses = model(
        **model.data_preprocessor(data(lacks=lacks), True), mode='loss')
    sum(losses.values()).backward()
    after = model.state_dict()
    for key in before:
        if key.startswith('encoders.rgb.'):
            assert torch.equal(before[key], after[key])
    for name, grad in gradients(model).items():
        assert grad.isfinite().all()
        if name.startswith('encoders.rgb.') and not there:
            assert not grad.any()
    if there:
        assert gradients(model)['encoders.rgb.backbone.layers.0.weight'].any()


# ---- scores ------------------------------------------------------------
def test_scores_are_of_samples_that_have_the_modality():
    model = toy(score='auto')
    reader = model.score_reader('test')
    for _ in range(2):
        model(**model.data_preprocessor(data(), True), mode='loss')
    sums, counts = reader.read()
    assert counts == dict(rgb=10, flow=14, sound=14)
    with torch.no_grad():
        for m in ALL:
            expected = sum(
                model.head.branches[m](alone(model, i)[m]).softmax(0)[i % 5]
                for i in range(8) if m in has(i, ALL))
            torch.testing.assert_close(sums[m], 2 * expected)


# ---- ranks -------------------------------------------------------------
#: Two micro-batches of four, of which the second has no 'rgb' at all.
UNEVEN = {1: ('flow', ), 4: ('rgb', ), 5: ('rgb', ), 6: ('rgb', 'sound'),
          7: ('rgb', )}


def steps(model, objective, rows):
    model.enter_stage(None, objective)
    if torch.distributed.is_initialized():
        model = MMDistributedDataParallel(model)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=.5))
    for _ in range(3):
        model.train_step(data(lacks=UNEVEN, rows=rows), wrapper)
    return snapshot(getattr(model, 'module', model))


def steps_on_a_share(objective):
    rank = torch.distributed.get_rank()
    return steps(toy(), objective, range(4 * rank, 4 * rank + 4))


@pytest.mark.parametrize('objective', ['fused', 'unimodal'])
def test_two_ranks_follow_one_process(objective):
    expected = steps(toy(), objective, range(8))
    for state in run_ranks(steps_on_a_share, 2, objective):
        for key, value in expected.items():
            torch.testing.assert_close(state[key], value)


# ---- the record itself -------------------------------------------------
def test_rows_go_out_and_come_back():
    present = Presence(5, dict(a=[0, 3], b=[0, 1, 2, 3]))
    value = torch.arange(10.).view(5, 2)
    assert torch.equal(present.take(value, 'a', 'b'), value[[0, 3]])
    assert present.take(value, 'c') is value
    back = present.spread(present.take(value, 'b'), 'b')
    assert torch.equal(back[:4], value[:4]) and not back[4].any()
    assert present.count('a', 'b', 'c') == 2 and present.count('c') == 5
    assert present.names_of(('c', 'a')) == [
        ('c', 'a'), ('c', ), ('c', ), ('c', 'a'), ('c', )]


def test_nothing_missing_takes_the_old_path():
    """Bit-equal: the same calls, with no mask at all."""
    model = build(ALL, 'DecisionHead')
    inputs, samples = batch(ALL, 8)
    given = model.data_preprocessor(data(lacks={}), True)
    assert 'present' not in given
    loss = model(**given, mode='loss')['loss_cls']
    twin = build(ALL, 'DecisionHead')
    features = {m: twin.encoders[m](inputs[m]) for m in ALL}
    fused = twin.head(features)
    assert torch.equal(
        loss, F.cross_entropy(fused, torch.arange(8) % 5))
