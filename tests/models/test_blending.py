"""Blended samples: who with whom, for whom, and who refuses."""
import json

import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.logging import MessageHub

from mmbalance_plugin.models.blending import Blending
from mmbalance_plugin.models.presence import Presence
from tests.dist_utils import run_ranks
from tests.engine.digits import digits_cfg, train
from tests.engine.two_digits import two_digits_cfg

BATCH = 16
MIXUP = dict(type='mmbalance_plugin.Blending', alpha=1.)
CUTMIX = dict(MIXUP, kind='cutmix')
SMALL = dict(n_train=64, n_val=32)


def small(tmp_path, blending=MIXUP, loop=None, head='ConcatHead', **merge):
    merge.setdefault('model', {}).update(blending=blending)
    return digits_cfg(tmp_path, {'max_epochs': 1, **(loop or {})},
                      head=head, **SMALL, **merge)


def marked():
    """Samples that tell themselves apart in each modality."""
    one = torch.eye(BATCH)
    return dict(a=one.clone(), b=one[..., None, None].repeat(1, 1, 2, 3))


def test_all_modalities_and_the_labels_have_one_partner_and_share():
    classes = torch.arange(BATCH)
    inputs, targets = Blending(alpha=1.)(marked(), classes, BATCH)
    assert torch.allclose(targets.sum(1), torch.ones(BATCH))
    assert targets.equal(inputs['a'])
    assert targets.equal(inputs['b'][:, :, 1, 2])
    shares = targets.diagonal()
    other = shares[shares < 1]
    assert len(other) > 10 and len(other.unique()) == 1


def test_a_box_for_all_modalities():
    images = dict(a=torch.eye(BATCH)[..., None, None].repeat(1, 1, 40, 40),
                  b=torch.eye(BATCH)[..., None, None].repeat(1, 1, 80, 20))
    inputs, targets = Blending('cutmix', alpha=1.)(
        images, torch.arange(BATCH), BATCH)
    for mixed in inputs.values():
        # The share of the area that is each sample's.
        assert torch.allclose(mixed.mean((2, 3)), targets, atol=.06)


def test_several_labels_are_blended_too():
    labels = torch.tensor([[1., 1., 0.], [0., 0., 1.]] * 4)
    inputs = dict(a=labels.clone())
    blended, targets = Blending(alpha=1.)(inputs, labels, 3)
    assert targets.equal(blended['a']) and not targets.equal(labels)


def drawn(blending):
    return blending(marked(), torch.arange(BATCH), BATCH)[1]


def test_draws_follow_the_place_in_the_run():
    hub = MessageHub.get_instance('blending')
    hub.update_info('seed', 3)
    hub.update_info('iter', 5)
    first = Blending(alpha=1.)
    one, again = drawn(first), drawn(first)
    assert not one.equal(again)  # two batches in an iteration
    resumed = Blending(alpha=1.)
    assert drawn(resumed).equal(one)
    hub.update_info('iter', 6)
    assert not drawn(first).equal(one)


def rank_draws():
    return get_rank(), drawn(Blending(alpha=1.))


@pytest.mark.slow
def test_ranks_draw_differently():
    (_, one), (_, two) = run_ranks(rank_draws, 2)
    assert not one.equal(two)


@pytest.mark.parametrize('inputs, present, kind, message', [
    (dict(a=torch.ones(2, 3)), Presence(2, dict(a=[0])), 'mixup',
     r"samples lack \['a'\]"),
    (dict(a=torch.ones(2, 3)), None, 'cutmix', "'a' has shape \\(2, 3\\)"),
    (dict(a=torch.ones(2, 3).long()), None, 'mixup', "'a' is torch.int64"),
])
def test_what_cannot_be_blended(inputs, present, kind, message):
    with pytest.raises(ValueError, match=message):
        Blending(kind)(inputs, torch.tensor([0, 1]), 2, present)


@pytest.mark.parametrize('options', [dict(kind='cut'), dict(alpha=0)])
def test_options(options):
    with pytest.raises(ValueError, match='Blending'):
        Blending(**options)


@pytest.mark.parametrize('blending', [MIXUP, CUTMIX])
def test_joint_training_beats_chance(tmp_path, blending):
    train(digits_cfg(
        tmp_path, dict(max_epochs=6), head='ConcatHead', n_train=320,
        model=dict(blending=blending),
        optim_wrapper=dict(optimizer=dict(lr=.1))))
    found = json.loads((tmp_path / 'summary.json').read_text())['test']
    assert found['acc/top1'] > .3, found


BOTH = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss')
]
OGM = dict(type='mmbalance_plugin.OGMOptimWrapper', alpha=.5)


def terms(*names, **loop):
    return dict(loop=loop, model=dict(objective=[
        dict(type=f'mmbalance_plugin.{name}') for name in names]))


def opm(cfg):
    cfg.model = dict(type='mmbalance_plugin.OPM', warmup_epochs=0, p_exe=1.,
                     recognizer=cfg.model)


@pytest.mark.parametrize('change, head, merge', [
    (None, 'ConcatHead', dict(model=dict(objective=BOTH))),
    (None, 'ConcatHead', dict(optim_wrapper=OGM)),
    (opm, 'ConcatHead', {}),
    (None, 'DecisionHead', dict(loop=dict(stages=[
        dict(name=m, train=[m]) for m in ('audio', 'visual')]))),
    (None, 'ConcatHead', dict(model=dict(
        step=dict(type='mmbalance_plugin.MMPareto'), objective=BOTH))),
    (None, 'ConcatHead', terms('LFMLoss')),
    (None, 'ConcatHead', terms('AGMLoss')),
    (None, 'ConcatHead', terms('FusedLoss', 'CMLLoss')),
    (None, 'ConcatHead', terms('GBlend', hold_out=.25)),
    (None, 'ConcatHead', terms('FusedLoss', 'MutualInformationLoss',
                               hold_out=.25)),
    (None, 'MMCosineHead', {}),
    (None, 'ConcatHead', dict(loop=dict(max_epochs=2), custom_hooks=[
        dict(type='mmbalance_plugin.RelearningHook')])),
])
def test_methods_that_hold_of_probabilities(tmp_path, change, head, merge):
    cfg = small(tmp_path, head=head, **merge)
    if change:
        change(cfg)
    train(cfg)
    assert json.loads((tmp_path / 'summary.json').read_text())['test']


def test_udi_looks_at_the_blended_samples(tmp_path):
    runner = train(small(
        tmp_path, head='DecisionHead',
        loop=dict(type='mmbalance_plugin.UDITrainLoop')))
    assert runner.train_loop.guidance.caches == {}
    cfg = small(tmp_path / 'cached', head='DecisionHead', loop=dict(
        type='mmbalance_plugin.UDITrainLoop', cache_anchor=True))
    with pytest.raises(ValueError, match='blended anew in each batch'):
        train(cfg)


def test_losses_and_scores_of_a_batch(tmp_path):
    """Several labels, blended: the formulas of the page, by hand."""
    from mmengine.runner import Runner
    cfg = two_digits_cfg(tmp_path, dict(max_epochs=1), head='ConcatHead',
                         model=dict(blending=MIXUP), **SMALL)
    runner = Runner.from_cfg(cfg)
    model = runner.model
    runner.load_or_resume()
    batch = model.data_preprocessor(
        next(iter(runner.train_dataloader)), True)
    record = model.batch_record(**batch)
    y = record.targets
    assert 0 < y.frac().count_nonzero() and y.max() <= 1
    losses = model.losses_of(record)
    expected = F.binary_cross_entropy_with_logits(record.fused, y)
    torch.testing.assert_close(losses['loss_cls'], expected)
    for m, z in record.unimodal.items():
        score = (z.sigmoid() * y).sum(1) / y.sum(1)
        torch.testing.assert_close(model.batch_scores[m], score.sum())
    # In evaluation nobody is blended.
    model.eval()
    assert model.batch_record(**batch).targets.frac().count_nonzero() == 0


@pytest.mark.parametrize('name, merge', [
    ('TCMaxLoss', dict(head='SumHead', model=dict(objective=[
        dict(type='mmbalance_plugin.TCMaxLoss')]))),
    ('QMFHead', dict(head='QMFHead')),
    ('PMRLoss', dict(model=dict(objective=[
        dict(type='mmbalance_plugin.FusedLoss'),
        dict(type='mmbalance_plugin.PMRLoss')]))),
    ('MLA', dict(model=dict(step=dict(type='mmbalance_plugin.MLA')))),
])
def test_others_are_refused_by_name(tmp_path, name, merge):
    with pytest.raises(ValueError, match=(
            f'^{name} is defined for one class per sample, not for blended '
            r'ones \(blending of the recognizer\): take')):
        train(small(tmp_path, **merge))


def test_a_loss_of_class_numbers_is_refused(tmp_path):
    loss = dict(type='CBFocalLoss', samples_per_cls=[1] * 10)
    with pytest.raises(ValueError, match='CBFocalLoss fails on .* floats '
                       r'\(B, C\), as blending has them'):
        train(small(tmp_path, model=dict(head=dict(loss_cls=loss))))
