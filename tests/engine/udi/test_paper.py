"""UDI's options as its paper has them."""
import copy

import pytest
import torch
import torch.nn.functional as F

from mmbalance_plugin.engine.udi import AlphaController, AnchorGuidance
from mmbalance_plugin.engine.udi.presets import PRESETS, preset
from mmbalance_plugin.functional import (
    alignment_weights,
    js_divergence,
    sum_logits,
)
from mmbalance_plugin.models.losses import JSDivergenceLoss
from mmbalance_plugin.models.objectives import BatchRecord, UnimodalLoss
from tests.engine.digits import assert_same, digits_cfg, train, weights
from tests.models.recognizers.toy import batch, build, snapshot, targets

ALL = ('rgb', 'flow', 'sound')


def test_golden_weights_of_the_papers_example():
    """The head's gradient counts only for the term that has one there."""
    g_cls = [torch.tensor([1., 2.]), torch.tensor([.5])]
    con = [torch.tensor([.4, .1]), torch.tensor([2.])]
    com = [torch.tensor([.3, .2]), None]
    alphas = alignment_weights(g_cls, dict(con=con, com=com))
    assert [float(a) for a in alphas.values()] == pytest.approx(
        [.695652, .304348], abs=1e-6)
    opposed = alignment_weights(
        g_cls, dict(con=[-g for g in con], com=[-com[0], None]))
    assert list(opposed.values()) == [0, 0]


def test_golden_divergence_from_two_teachers():
    """Of three modalities, the third follows the pair's prediction."""
    a, b, c = (torch.tensor([p]).log()
               for p in ([.7, .2, .1], [.5, .4, .1], [.3, .3, .4]))
    pair = torch.stack([a, b]).exp().mean(0).log()
    assert js_divergence(pair, c).item() == pytest.approx(.073671, abs=1e-6)


def guided(anchor=('rgb', 'flow'), every='epoch', task='own', **kwargs):
    model = build(ALL, head_cfg=dict(combine='sum_logits'))
    guide = AnchorGuidance(
        anchor,
        'sound',
        JSDivergenceLoss(),
        dict(type='mmbalance_plugin.CLUBLoss', clamp=False),
        controller=dict(
            every=every,
            task=task,
            parameters='all',
            fallback='zero',
            begin=0,
            **kwargs))
    model.enter_stage(['sound'], [UnimodalLoss(), guide])
    return model.train(), guide


def test_terms_towards_two_teachers_by_hand():
    model, guide = guided()
    inputs, samples = batch(ALL)
    losses = model(inputs, samples, mode='loss')
    with torch.no_grad():
        features = {m: e(inputs[m]) for m, e in model.eval().encoders.items()}
    model.train()
    sound = model.encoders['sound'](inputs['sound'])
    logits = {
        m: model.head.branches[m](f)
        for m, f in dict(features, sound=sound).items()
    }
    pair = sum_logits({m: logits[m] for m in ('rgb', 'flow')})
    torch.testing.assert_close(
        losses['loss_con_sound'], .5 * js_divergence(pair, logits['sound']))
    bounds = guide.losses['com']
    assert list(bounds) == ['rgb', 'flow']
    expected = sum(
        bounds[m](features[m], sound, update_estimator=False)
        for m in ('rgb', 'flow')) / 2
    torch.testing.assert_close(losses['loss_com_sound'], .5 * expected)


def test_the_fused_task_by_hand():
    model, guide = guided(task='fused')
    inputs, samples = batch(ALL)
    data = dict(inputs=inputs, data_samples=samples)
    before = snapshot(model)
    aligned = guide.controller.update(model, guide, data)
    assert_same(before, snapshot(model))
    twin = copy.deepcopy(model)
    guide_twin = copy.deepcopy(guide)
    parameters = [p for p in twin.parameters() if p.requires_grad]
    with torch.no_grad():
        frozen = {
            m: twin.encoders[m].eval()(inputs[m]) for m in ('rgb', 'flow')
        }
    twin.train()
    features = dict(sound=twin.encoders['sound'](inputs['sound']))
    record = BatchRecord(twin, inputs, samples, targets(), features)
    terms = guide_twin.terms(record, update_estimator=False)
    fused = sum(twin.head.branches[m](f) for m, f in frozen.items())
    fused = fused.detach() + record.unimodal['sound']
    losses = dict(terms, task=F.cross_entropy(fused, targets()))
    grads = {}
    for name, loss in losses.items():
        found = torch.autograd.grad(
            loss, parameters, retain_graph=True, allow_unused=True)
        grads[name] = torch.cat([
            torch.zeros_like(p).flatten() if g is None else g.flatten()
            for p, g in zip(parameters, found)
        ])
    for name in ('con', 'com'):
        assert aligned[name] == pytest.approx(
            float(grads['task'] @ grads[name]), rel=1e-3, abs=1e-7)
    positive = {k: max(0., v) for k, v in aligned.items()}
    total = sum(positive.values())
    for name, alpha in guide.alphas.items():
        assert alpha == pytest.approx(
            positive[name] / total if total else 0., abs=1e-5)


@pytest.mark.parametrize('fallback', ['zero', 'previous'])
def test_weights_of_every_batch_are_those_of_that_batch(fallback):
    model, guide = guided(every='batch')
    guide.controller.fallback = fallback
    once, other = guided(every='epoch')
    inputs, samples = batch(ALL)
    other.controller.update(once, other,
                            dict(inputs=inputs, data_samples=samples))
    guide._due = True
    # The same Q: one that has not taken its steps.
    for bound in guide.losses['com'].values():
        bound.steps = 0
    losses = model(inputs, samples, mode='loss')
    for name, alpha in other.alphas.items():
        assert isinstance(guide.alphas[name], torch.Tensor)
        assert float(guide.alphas[name]) == pytest.approx(alpha, abs=1e-4)
    assert torch.isfinite(losses['loss_com_sound'])
    sum(losses.values()).backward()  # the graph is still there
    state = guide.state_dict()
    assert all(type(a) is float for a in state['alphas'].values())


def test_presets_are_whole_and_kept_apart():
    for name in PRESETS:
        options = preset(name)
        assert set(options) == {
            'order', 'consistency', 'complementarity', 'controller'
        }
        AlphaController(**options['controller'])
        options['controller']['task'] = 'own'
    assert preset('paper')['controller']['task'] == 'fused'
    literal = preset('paper_literal')
    assert literal['consistency']['reduction'] == 'sum'
    assert literal['complementarity'] == dict(
        type='mmbalance_plugin.CLUBLoss', standardize=False, clamp=False,
        reduction='sum', steps=1)
    with pytest.raises(ValueError, match="'paper_literal'"):
        preset('papr')


@pytest.mark.parametrize('name', ['paper', 'paper_literal'])
def test_a_preset_trains_and_resumes(tmp_path, name):
    loop = dict(
        type='mmbalance_plugin.UDITrainLoop', max_epochs=2, preset=name)
    hooks = dict(
        checkpoint=dict(
            type='mmbalance_plugin.AtomicCheckpointHook',
            interval=1,
            max_keep_ckpts=-1,
            save_best='acc/top1'))
    common = dict(
        head='BranchedConcatHead', n_train=96, n_val=64, default_hooks=hooks)
    whole = train(digits_cfg(tmp_path / 'whole', loop, **common))
    names = [s['name'] for s in whole.train_loop.records]
    assert names[-1] == 'fused_head' and len(names) == 4
    assert whole.train_loop.guidance is None
    again = digits_cfg(tmp_path / 'again', loop, **common)
    again.resume = True
    again.load_from = str(tmp_path / 'whole' / 'epoch_5.pth')
    assert_same(weights(whole), weights(train(again)))


def test_given_options_stand_over_the_preset(tmp_path):
    loop = dict(
        type='mmbalance_plugin.UDITrainLoop',
        max_epochs=1,
        preset='paper',
        complementarity=None,
        controller=dict(every='batch'))
    runner = train(digits_cfg(tmp_path, loop, n_train=64, n_val=32))
    guide = runner.train_loop.guidance
    assert list(guide.losses) == ['con']
    assert guide.controller.every == 'batch'
    assert guide.controller.task == 'fused'
    row = runner.train_loop.records[-1]['history'][0]
    assert {k.rpartition('_')[0] for k in row} >= {'align_con', 'alpha_con'}


def test_what_cannot_be_is_told_at_the_start(tmp_path):
    for options, text in ((dict(preset='papr'), 'preset'),
                          (dict(order='ring'), 'order')):
        loop = dict(
            type='mmbalance_plugin.UDITrainLoop', max_epochs=1, **options)
        with pytest.raises(ValueError, match=text):
            train(digits_cfg(tmp_path / text, loop, n_train=64, n_val=32))
    with pytest.raises(ValueError, match='cannot be guided'):
        AnchorGuidance(('rgb', 'flow'), 'flow')
