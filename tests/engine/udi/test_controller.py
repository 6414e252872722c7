"""The controller's weights, against a computation by hand."""
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmbalance_plugin.engine.udi import AlphaController, AnchorGuidance
from mmbalance_plugin.models.losses import CLUBLoss, JSDivergenceLoss
from mmbalance_plugin.models.recognizers import MultimodalRecognizer


class Sample(dict):
    """A data sample with a label and a position."""

    def __init__(self, index, label):
        super().__init__(sample_idx=index)
        self.sample_idx = index
        self.gt_label = torch.tensor([label])


class Model(nn.Module):
    """Two linear encoders with linear classifiers: small enough to check."""

    num_classes, multi_class, blending = 2, False, None
    batch_record = MultimodalRecognizer.batch_record

    def __init__(self):
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.encoders = nn.ModuleDict({
            m: nn.Linear(3, 4, bias=False)
            for m in ('anchor', 'follower')
        })
        self.branches = nn.ModuleDict({
            m: nn.Linear(4, 2, bias=False)
            for m in ('anchor', 'follower')
        })
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=g)
        self.__dict__['head'] = self  # no sub-module of itself

    def data_preprocessor(self, data, training):
        return data

    def extract_feat(self, inputs, modalities, present=None):
        return {m: self.encoders[m](inputs[m]) for m in modalities}

    def unimodal_logits(self, features, modalities=None):
        names = modalities or features
        return {m: self.branches[m](features[m]) for m in names}

    def criterion(self, logits, targets):
        return F.cross_entropy(logits, targets)

    def modality_modules(self, m):
        return nn.ModuleDict(
            dict(encoder=self.encoders[m], head=self.branches[m]))


def batch(n=8):
    g = torch.Generator().manual_seed(1)
    inputs = {
        m: torch.randn(n, 3, generator=g)
        for m in ('anchor', 'follower')
    }
    return dict(
        inputs=inputs, data_samples=[Sample(i, i % 2) for i in range(n)])


def guidance(**kwargs):
    club = CLUBLoss(4, 4, seed=0, clamp=False, **kwargs)
    return AnchorGuidance('anchor', 'follower', JSDivergenceLoss(), club)


def js_by_hand(p, q):
    p, q = p.softmax(1), q.softmax(1)
    m = (p + q) / 2
    kl = (p * (p / m).log()).sum(1) + (q * (q / m).log()).sum(1)
    return (kl / 2).mean()


def club_by_hand(club, x, y):
    x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-6).sqrt()
    y = (y - y.mean(0)) / (y.var(0, correction=0) + 1e-6).sqrt()
    mu, logvar = club.estimator(x)
    total = 0.
    for i in range(len(y)):
        positive = -(mu[i] - y[i])**2 / 2 / logvar[i].exp()
        negative = sum(-(mu[i] - y[j])**2 / 2 / logvar[i].exp()
                       for j in range(len(y))) / len(y)
        total = total + (positive - negative).mean()
    return total / len(y)


@pytest.mark.parametrize('parameters', ['encoder', 'all'])
@pytest.mark.parametrize('similarity', ['inner', 'cosine'])
def test_weights_equal_a_computation_by_hand(parameters, similarity):
    model, guide, data = Model(), guidance(), batch()
    controller = AlphaController(
        parameters=parameters, similarity=similarity)
    aligned = controller.update(model, guide, data)

    x, inputs = data['inputs'], data['inputs']
    w = model.encoders['follower'].weight
    v = model.branches['follower'].weight
    wrt = [w] if parameters == 'encoder' else [w, v]
    feat = inputs['follower'] @ w.T
    with torch.no_grad():
        anchor = x['anchor'] @ model.encoders['anchor'].weight.T
        anchor_logits = anchor @ model.branches['anchor'].weight.T
    targets = torch.arange(8) % 2
    losses = dict(
        cls=F.cross_entropy(feat @ v.T, targets),
        con=js_by_hand(anchor_logits, feat @ v.T),
        com=club_by_hand(guide.losses['com'], anchor, feat))
    grads = {}
    for name, loss in losses.items():
        gs = torch.autograd.grad(
            loss, wrt, retain_graph=True, allow_unused=True)
        grads[name] = torch.cat([
            torch.zeros(p.numel()) if g is None else g.flatten()
            for p, g in zip(wrt, gs)
        ])
    expected = {}
    for name in ('con', 'com'):
        s = grads['cls'] @ grads[name]
        if similarity == 'cosine':
            s = s / grads['cls'].norm() / grads[name].norm()
        expected[name] = s.item()
        assert aligned[name] == pytest.approx(expected[name], rel=1e-3)
    positive = {k: max(0., s) for k, s in expected.items()}
    total = sum(positive.values())
    assert total > 0
    for name in ('con', 'com'):
        assert guide.alphas[name] == pytest.approx(
            positive[name] / total, rel=1e-3, abs=1e-6)


class Against(nn.Module):
    """A term whose gradient opposes the task's: minus cross-entropy."""

    def forward(self, anchor, follower, update_estimator=None):
        del anchor, update_estimator
        targets = torch.arange(len(follower)) % 2
        return -F.cross_entropy(follower[:, :2], targets)


@pytest.mark.parametrize('fallback, expected', [
    ('previous', dict(con=.5, com=.5)),
    ('zero', dict(con=0., com=0.)),
])
def test_no_positive_alignment_takes_the_fallback(fallback, expected):
    model = Model()
    # Features and logits coincide, so both terms oppose the task.
    model.branches['follower'].weight.data = torch.eye(2, 4)
    guide = AnchorGuidance('anchor', 'follower', Against(), Against())
    aligned = AlphaController(fallback=fallback).update(model, guide, batch())
    assert all(value < 0 for value in aligned.values())
    assert guide.alphas == expected


def test_the_pass_leaves_no_trace():
    model, guide, data = Model(), guidance(), batch()
    model.encoders['follower'] = nn.Sequential(
        model.encoders['follower'], nn.BatchNorm1d(4), nn.Dropout(.5))
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    q = {k: v.clone() for k, v in guide.losses.named_parameters()}
    random = torch.get_rng_state()
    AlphaController().update(model, guide, data)
    assert torch.equal(random, torch.get_rng_state())
    for key, value in model.state_dict().items():
        assert torch.equal(before[key], value), key
    for key, value in guide.losses.named_parameters():
        assert torch.equal(q[key], value), key
    assert guide.losses['com'].fit_steps == 0
    assert all(p.grad is None for p in model.parameters())


def test_updates_begin_in_the_second_epoch_and_can_be_off():
    assert [AlphaController().due(e) for e in range(3)] == [False, True, True]
    assert AlphaController(begin=0).due(0)
    assert not AlphaController(dynamic=False).due(5)


def test_unknown_options_are_named():
    for option in ('parameters', 'fallback', 'similarity'):
        with pytest.raises(ValueError, match=option):
            AlphaController(**{option: 'other'})
