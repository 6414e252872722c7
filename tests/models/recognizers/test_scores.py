"""Unimodal scores: values, accumulation, side effects."""
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.logging import MessageHub
from torch._dynamo.testing import CompileCounter

from mmbalance_plugin.models.presence import Presence
from tests.models.recognizers.toy import batch, build, snapshot, targets

HEADS = ['ConcatHead', 'SumHead', 'DecisionHead', 'MLPHead', 'FiLMHead']
ALL = ('rgb', 'flow', 'sound')


def by_hand(model, inputs, mode):
    """One sample after the other, on a model that is not touched."""
    with torch.no_grad():
        features = model.extract_feat(inputs)
        model.head.eval()
        if mode == 'zero_out':
            logits = model.head.zero_out_logits(features)
        else:
            logits = model.head.unimodal_logits(features)
        model.head.train()
    return {
        m: sum(z[i].softmax(0)[i % 5].item() for i in range(len(z)))
        for m, z in logits.items()
    }


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('mode', ['auto', 'zero_out', 'split'])
def test_scores_and_their_accumulation(head, mode):
    linear = head in ('ConcatHead', 'SumHead')
    if mode == 'split' and not linear:
        with pytest.raises(ValueError, match=f"{head} is not.*'zero_out'"):
            build(head=head, score=mode)
        return
    model = build(head=head, score=mode)
    reader = model.score_reader('test')
    expected = dict(rgb=0., flow=0.)
    for seed, size in enumerate((6, 4)):
        inputs, samples = batch(size=size, seed=seed)
        for m, value in by_hand(model, inputs, mode).items():
            expected[m] += value
        model.loss(inputs, samples)
    scores = reader.read()
    assert scores.counts == dict(rgb=10, flow=10)
    assert {m: v.item()
            for m, v in scores.sums.items()} == pytest.approx(expected)
    assert not any(value.requires_grad for value in scores.sums.values())
    for m, mean in scores.means.items():
        assert mean.item() == pytest.approx(expected[m] / 10)
    assert reader.read() is None


def test_latest_batch_is_kept_apart_from_the_sums():
    model = build()
    early, late = model.score_reader('early'), model.score_reader('late')
    inputs, samples = batch()
    model.loss(inputs, samples)
    first = {m: v.clone() for m, v in model.batch_scores.items()}
    # What a reader has taken is its own to change.
    early.read().sums['rgb'].add_(1)
    assert torch.equal(model.batch_scores['rgb'], first['rgb'])
    model.loss(inputs, samples)
    for m, value in late.read().sums.items():
        torch.testing.assert_close(value, first[m] + model.batch_scores[m])


def test_each_reader_gets_what_came_since_it_last_looked():
    model = build()
    data = [batch(size=size, seed=size) for size in (6, 4, 3, 5)]
    often, seldom = model.score_reader('often'), model.score_reader('seldom')
    seen, late = [], None
    for number, part in enumerate(data):
        model.loss(*part)
        seen.append(often.read())
        if number == 1:
            late = model.score_reader('late')
        if number == 2:
            assert seldom.read().counts == dict(rgb=13, flow=13)
    assert [int(s.counts['rgb']) for s in seen] == [6, 4, 3, 5]
    assert seldom.read().counts == dict(rgb=5, flow=5)
    found = late.read()
    assert found.counts == dict(rgb=8, flow=8)
    for m, value in found.sums.items():
        # Its own sums of these batches, not a difference of larger ones.
        assert torch.equal(value, seen[2].sums[m] + seen[3].sums[m])
    # Under a name there is one reader: the latest.
    model.score_reader('often')
    model.loss(*data[0])
    assert often.read() is None


def test_a_model_that_is_not_scored_is_once_somebody_reads():
    model = build(score=None)
    model.loss(*batch())
    assert model.batch_scores == {}
    reader = model.score_reader('test')
    assert model.score_mode == 'auto'
    model.loss(*batch())
    assert reader.read().counts == dict(rgb=6, flow=6)


def test_one_modality_logs_no_ratio():
    model = build(('rgb', ))
    model.loss(*batch(('rgb', )))
    assert not MessageHub.get_current_instance().log_scalars


def test_batches_do_not_compile_anew():
    model, compiled = build(head='ConcatHead'), CompileCounter()
    model.forward = torch.compile(model.forward, backend=compiled)
    counts = []
    for seed in range(4):
        model(*batch(seed=seed), mode='loss')
        counts.append(compiled.frame_count)
    assert counts[1] == counts[-1] > 0


@pytest.mark.parametrize('head', HEADS)
def test_scoring_changes_nothing_else(head):
    cfg = dict(head_cfg=dict(dropout=.5, norm=True)) if head == 'MLPHead' \
        else {}
    plain = build(head=head, score=None, **cfg)
    scoring = build(head=head, **cfg)
    scoring.score_reader('test')
    calls = []
    scoring.encoders['rgb'].register_forward_hook(lambda *_: calls.append(1))
    results = []
    for model in (plain, scoring):
        torch.manual_seed(4)
        loss = model.loss(*batch())['loss_cls']
        loss.backward()
        grads = [p.grad.clone() for p in model.parameters()]
        results.append((loss, grads, snapshot(model), torch.get_rng_state()))
    (loss, grads, state, stream), (other, others, again, later) = results
    assert torch.equal(loss, other) and torch.equal(stream, later)
    assert all(torch.equal(a, b) for a, b in zip(grads, others))
    assert all(torch.equal(v, again[k]) for k, v in state.items())
    assert len(calls) == 1, 'scoring must not encode again'


def test_scoring_under_autocast_is_in_float32():
    model = build(head='ConcatHead', score='auto')
    reader = model.score_reader('test')
    inputs, samples = batch()
    with torch.autocast('cpu', torch.bfloat16):
        loss = model.loss(inputs, samples)['loss_cls']
        features = model.extract_feat(inputs)
    loss.backward()
    assert model.head.fc.weight.grad.abs().sum() > 0
    # The features are what they are; the scores of them are in float32.
    logits = model.head.unimodal_logits(
        {m: value.detach().float() for m, value in features.items()})
    sums = reader.read().sums
    for m, value in logits.items():
        expected = value.softmax(1).gather(1, targets()[:, None]).sum()
        assert sums[m].dtype == torch.float32
        torch.testing.assert_close(sums[m], expected)


def test_only_joint_training_is_scored():
    model = build(ALL)
    reader = model.score_reader('test')
    inputs, samples = batch(ALL)
    model.eval()
    model.loss(inputs, samples)
    model.predict(inputs)
    model.train()
    model.enter_stage(None, 'unimodal')
    model.loss(inputs, samples)
    assert reader.read() is None
    model.leave_stage()
    model.loss(inputs, samples)
    assert list(reader.read().sums) == list(ALL)
    model.score_mode = None
    model.loss(inputs, samples)
    assert reader.read() is None
    with pytest.raises(ValueError, match="got 'shapley'"):
        model.score_mode = 'shapley'


class Transform:

    def __init__(self, factor):
        self.factor = factor
        self.seen = None

    def __call__(self, features, record):
        self.seen = dict(record.model.batch_scores)
        return dict(features, rgb=features['rgb'] * self.factor)


def test_transforms_compose_and_see_scores_of_the_features_before():
    model = build(head='ConcatHead', score='auto')
    keys = list(model.state_dict())
    inputs, samples = batch()
    expected = by_hand(model, inputs, 'auto')
    first, second = Transform(2.), Transform(.25)
    model.feature_transforms += [first, second]
    assert list(model.state_dict()) == keys
    features = model.extract_feat(inputs)
    dropped = dict(features, rgb=.5 * features['rgb'])
    loss = model.loss(inputs, samples)['loss_cls']
    torch.testing.assert_close(
        loss, model.head.criterion(model.head(dropped), targets()))
    for transform in (first, second):
        assert {m: v.item() for m, v in transform.seen.items()
                } == pytest.approx(expected)
        transform.seen = None
    # In training only.
    model.eval()
    model.loss(inputs, samples)
    model.predict(inputs)
    assert first.seen is None


@pytest.mark.parametrize('head', HEADS)
def test_scores_of_several_labels(head):
    model = build(head=head, head_cfg=dict(multi_class=True))
    inputs, _ = batch(size=6)
    labels = (torch.arange(30).view(6, 5) % 4 == 0).float()
    labels[3] = 0
    present = Presence(6, dict(flow=[0, 2, 3, 5]))
    samples = [ActionDataSample().set_gt_label(row) for row in labels]
    rows = dict(inputs, flow=inputs['flow'][[0, 2, 3, 5]])
    model.loss(rows, samples, present)
    record = model.batch_record(rows, samples, present)
    alone = model.head.unimodal_logits(record.features)
    for m, there in (('rgb', range(6)), ('flow', (0, 2, 3, 5))):
        assert model.batch_counts[m] == len(there)
        expected = sum(
            alone[m][i].sigmoid()[labels[i] == 1].mean().item()
            for i in there if i != 3)
        assert model.batch_scores[m].item() == pytest.approx(
            expected, rel=1e-4)
