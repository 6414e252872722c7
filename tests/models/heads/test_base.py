"""What all heads promise."""
import pytest
import torch
import torch.nn.functional as F

from mmbalance_plugin.models.heads import MultimodalHead
from mmbalance_plugin.registry import MODELS
from tests.models.heads.cases import ALL, ANY_COUNT, build, features

MANY = [(name, m) for name in ANY_COUNT for m in (1, 2, 3)]
MANY += [('FiLMHead', 2), ('GatedHead', 2)]


@pytest.mark.parametrize('name, count', MANY)
def test_logits_loss_and_gradients(name, count):
    head = build(name, count)
    given = features(count)
    for value in given.values():
        value.requires_grad_()
    logits = head(given)
    assert logits.shape == (5, 7)
    targets = torch.tensor([0, 1, 2, 3, 6])
    loss = head.criterion(logits, targets)
    expected = -logits.log_softmax(1)[torch.arange(5), targets].mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    for key, value in head.named_parameters():
        assert value.grad is not None and value.grad.abs().sum() > 0, key
    for key, value in given.items():
        assert value.grad.abs().sum() > 0, key


@pytest.mark.parametrize('name, count', MANY)
def test_unimodal_logits_depend_on_their_modality_only(name, count):
    head = build(name, count).eval()
    given = features(count)
    alone = head.unimodal_logits(given)
    assert list(alone) == list(given)
    other = features(count, seed=1)
    for modality in given:
        mixed = dict(other, **{modality: given[modality]})
        again = head.unimodal_logits(mixed)
        torch.testing.assert_close(again[modality], alone[modality])
        # Its own feature suffices.
        only = head.unimodal_logits({modality: given[modality]})
        torch.testing.assert_close(only[modality], alone[modality])
        assert alone[modality].shape == (5, 7)
    chosen = head.unimodal_logits(given, ['rgb'])
    assert list(chosen) == ['rgb']
    if count == 1:
        # Same probabilities: a decision head gives normalised fused ones.
        torch.testing.assert_close(
            head(given).softmax(1), alone['rgb'].softmax(1))


@pytest.mark.parametrize('name', ALL)
def test_order_of_the_features_does_not_matter(name):
    head = build(name).eval()
    given = features()
    turned = dict(reversed(list(given.items())))
    assert torch.equal(head(given), head(turned))


@pytest.mark.parametrize('name', ALL)
def test_errors_name_the_modality(name):
    head = build(name)
    given = features()
    with pytest.raises(ValueError, match="'flow'.*'rgb'"):
        head({'rgb': given['rgb']})
    with pytest.raises(ValueError, match="no modality 'heat'"):
        head.unimodal_logits({'heat': given['rgb']})
    with pytest.raises(ValueError, match=r"'flow' has shape \(5, 4\)"):
        head(dict(given, flow=given['rgb']))


def test_loss_may_come_from_a_registry():
    weight = [1., 2., 0., 1., 1., 1., 3.]
    head = build(
        'ConcatHead',
        loss_cls=dict(type='mmaction.CrossEntropyLoss', class_weight=weight))
    given, targets = features(), torch.tensor([0, 1, 2, 3, 6])
    torch.testing.assert_close(
        head.criterion(head(given), targets),
        F.cross_entropy(head(given), targets, torch.tensor(weight)))
    # It moves with the model, and is no part of a checkpoint.
    assert not any('class_weight' in key for key in head.state_dict())
    assert head.to('meta').loss_cls.class_weight.is_meta


@pytest.mark.parametrize('loss_cls, message', [
    (dict(type='torch.nn.MSELoss'), r'MSELoss fails on logits \(B, 7\)'),
    (dict(type='torch.nn.BCEWithLogitsLoss'), 'BCEWithLogitsLoss fails'),
    (dict(type='torch.nn.CrossEntropyLoss', reduction='none'),
     r'CrossEntropyLoss gives \(8,\) where a scalar'),
    (dict(type='mmaction.CrossEntropyLoss', class_weight=[1., 2.]),
     'CrossEntropyLoss fails.*weight tensor')])
@pytest.mark.filterwarnings('ignore:Using a target size')
def test_losses_that_are_none_of_classes(loss_cls, message):
    with pytest.raises(ValueError, match=f'loss_cls: {message}'):
        build('ConcatHead', loss_cls=loss_cls)


def test_a_number_is_no_class():
    with pytest.raises(ValueError, match='num_classes=1.*regression'):
        MODELS.build(dict(type='mmbalance_plugin.ConcatHead', num_classes=1,
                          in_channels=dict(rgb=4)))


def test_loss_of_half_precision_logits_is_in_float32():
    logits = torch.randn(5, 7)
    targets = torch.tensor([0, 1, 2, 3, 6])
    loss = build('ConcatHead').criterion(logits.bfloat16(), targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(
        loss, F.cross_entropy(logits.bfloat16().float(), targets))


@pytest.mark.parametrize('name', ['SumHead', 'DecisionHead'])
def test_a_branch_starts_alike_whatever_stands_beside_it(name):
    cfg = dict(type='Normal', layer='Linear', std=.01)
    alone, beside = (build(name, count, init_cfg=cfg) for count in (1, 3))
    for initialised in (False, True):
        if initialised:
            before = alone.branches['rgb'].weight.clone()
            alone.init_weights()
            beside.init_weights()
            assert not torch.equal(before, alone.branches['rgb'].weight)
            assert alone.branches['rgb'].weight.abs().max() < .06
        for key, value in alone.branches['rgb'].state_dict().items():
            assert torch.equal(value, beside.branches['rgb'].state_dict()[key])


@pytest.mark.parametrize('name', ['SumHead', 'DecisionHead'])
def test_branches_of_equal_width_do_not_start_alike(name):
    head = MODELS.build(
        dict(
            type=name,
            num_classes=7,
            in_channels=dict(rgb=4, flow=4),
            init_cfg=dict(type='Normal', layer='Linear', std=.01)))
    for _ in range(2):
        first, second = head.branches.values()
        assert not torch.equal(first.weight, second.weight)
        head.init_weights()


def test_a_head_of_ones_own():

    @MODELS.register_module()
    class MaxHead(MultimodalHead):

        def __init__(self, num_classes, in_channels, **kwargs):
            super().__init__(num_classes, in_channels, **kwargs)
            self.build_branches(lambda d: torch.nn.Linear(d, num_classes))

        def forward(self, features):
            chosen = self.select(features, self.modalities)
            return torch.stack(
                [self.branches[m](f) for m, f in chosen.items()]).amax(0)

    head = MODELS.build(
        dict(type='MaxHead', num_classes=7, in_channels=dict(rgb=4, flow=6)))
    alone = head.unimodal_logits(features())
    bias = head.branches['flow'].bias
    torch.testing.assert_close(
        alone['rgb'],
        torch.maximum(head.branches['rgb'](features()['rgb']), bias))
    with pytest.raises(ValueError, match='nothing to fit'):
        head.fit({}, torch.zeros(0))


@pytest.mark.parametrize('name', ['train', 'keys', 'a.b', 'a/b', '', 3])
def test_names_that_modules_cannot_take(name):
    with pytest.raises(ValueError, match='modality'):
        MODELS.build(
            dict(type='ConcatHead', num_classes=2, in_channels={name: 4}))


def test_a_loss_of_several_labels_with_weights():
    weight = [1., 2., 0., 1., 1., 1., 3.]
    head = build('ConcatHead', multi_class=True, loss_cls=dict(
        type='mmaction.BCELossWithLogits', class_weight=weight))
    logits = head(features())
    targets = (torch.arange(35).view(5, 7) % 3 == 0).float()
    torch.testing.assert_close(
        head.criterion(logits, targets),
        F.binary_cross_entropy_with_logits(logits, targets,
                                           torch.tensor(weight)))
    # What half precision would round.
    loss = build('ConcatHead', multi_class=True).criterion(
        logits.bfloat16(), targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(
        logits.bfloat16().float(), targets))
    with pytest.raises(ValueError, match='CrossEntropyLoss compares classes'):
        build('ConcatHead', multi_class=True, loss_cls=dict(
            type='torch.nn.CrossEntropyLoss'))
    with pytest.raises(ValueError, match=r'floats \(B, C\), as multi_class'):
        build('ConcatHead', multi_class=True, loss_cls=dict(
            type='torch.nn.NLLLoss2d'))
