"""Features, losses, predictions, errors, and a Runner around it all."""
import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper

from mmbalance_plugin.engine.steps import TrainStep
from mmbalance_plugin.registry import MODELS
from tests.models.recognizers.toy import batch, build, config, targets

ALL = ('rgb', 'flow', 'sound')


def test_tensor_mode():
    model = build(ALL).eval()
    inputs, _ = batch(ALL)
    outputs = model(inputs)
    assert {m: tuple(f.shape) for m, f in outputs['features'].items()} == dict(
        rgb=(6, 8), flow=(6, 9), sound=(6, 7))
    for m in ALL:
        feature = model.encoders[m](inputs[m])
        assert torch.equal(outputs['features'][m], feature)
        assert torch.equal(outputs['unimodal'][m],
                           model.head.branches[m](feature))
    assert torch.equal(outputs['logits'], model.head(outputs['features']))
    model.enter_stage(['flow'], 'unimodal')
    outputs = model(inputs)
    assert list(outputs['features']) == list(outputs['unimodal']) == ['flow']
    assert outputs['logits'] is None
    with pytest.raises(ValueError, match="got 'test'"):
        model(inputs, mode='test')


def test_joint_loss():
    model = build(ALL, 'ConcatHead')
    inputs, samples = batch(ALL)
    losses = model(inputs, samples, mode='loss')
    assert list(losses) == ['loss_cls']
    features = model.extract_feat(inputs)
    expected = F.cross_entropy(model.head(features), targets())
    torch.testing.assert_close(losses['loss_cls'], expected)


def test_unimodal_losses_of_a_head_without_branches():
    model = build(ALL, 'ConcatHead')
    model.enter_stage('all', 'unimodal')
    inputs, samples = batch(ALL)
    losses = model.loss(inputs, samples)
    assert list(losses) == [f'loss_cls_{m}' for m in ALL]
    alone = model.head.unimodal_logits(model.extract_feat(inputs))
    for m in ALL:
        torch.testing.assert_close(losses[f'loss_cls_{m}'],
                                   F.cross_entropy(alone[m], targets()))


@pytest.mark.parametrize('head', ['ConcatHead', 'DecisionHead', 'MLPHead'])
def test_predictions(head):
    model = build(ALL, head).eval()
    inputs, samples = batch(ALL)
    predicted = model.predict(inputs, samples)
    assert all(a is b for a, b in zip(predicted, samples))
    outputs = model(inputs)
    fused = outputs['logits'].softmax(1)
    for i, sample in enumerate(predicted):
        torch.testing.assert_close(sample.pred_score, fused[i])
        assert sample.pred_label.tolist() == [fused[i].argmax().item()]
        assert sample.num_classes == 5 and sample.gt_label.tolist() == [i % 5]
        assert list(sample.pred_scores) == list(ALL)
        for m in ALL:
            torch.testing.assert_close(sample.pred_scores[m],
                                       outputs['unimodal'][m].softmax(1)[i])
            assert not sample.pred_scores[m].requires_grad
    fresh = model.predict(inputs)
    assert torch.equal(fresh[3].pred_score, predicted[3].pred_score)


def test_a_unimodal_stage_predicts_no_fused_score():
    model = build(ALL).eval()
    model.enter_stage(['flow', 'sound'], 'unimodal')
    # Only what is active need be there.
    inputs, samples = batch(('flow', 'sound'))
    for sample in model.predict(inputs, samples):
        assert list(sample.pred_scores) == ['flow', 'sound']
        assert 'pred_score' not in sample and 'pred_label' not in sample


@pytest.mark.parametrize('head', ['ConcatHead', 'DecisionHead', 'MLPHead'])
def test_a_single_modality_is_the_fused_prediction(head):
    model = build(('rgb', ), head).eval()
    for sample in model.predict(batch(('rgb', ))[0]):
        alone = sample.pred_scores['rgb']
        torch.testing.assert_close(sample.pred_score, alone)


def test_errors_name_modalities():
    model = build()
    inputs, samples = batch()
    with pytest.raises(ValueError, match=r"no encoder.*\['heat'\].*'flow'"):
        model.loss(dict(inputs, heat=inputs['rgb']), samples)
    with pytest.raises(ValueError, match=r"\['flow'\] got no input.*'rgb'"):
        model.loss(dict(rgb=inputs['rgb']), samples)
    with pytest.raises(ValueError, match=r"disagree.*'flow': \(4, 9\)"):
        model.loss(dict(inputs, flow=inputs['flow'][:4]), samples)
    with pytest.raises(ValueError, match=r'3 labels.*rgb'):
        model.loss(inputs, samples[:3])
    with pytest.raises(ValueError, match='2 data_samples for a batch of 6'):
        model.predict(inputs, samples[:2])
    with pytest.raises(ValueError, match="asked to encode.*'heat'"):
        model.extract_feat(inputs, ['heat'])


def test_an_encoder_of_ones_own_is_checked_too():

    @MODELS.register_module()
    class FlatEncoder(torch.nn.Module):
        out_channels = 4

        def forward(self, x):
            return x[..., None]

    cfg = config(('rgb', ))
    cfg['encoders']['rgb'] = dict(type='mmbalance_plugin.FlatEncoder')
    model = MODELS.build(cfg)
    model.init_weights()
    with pytest.raises(ValueError, match=r"'rgb' returned shape \(6, 4, 1\)"):
        model(batch(('rgb', ))[0])


@pytest.mark.parametrize('preprocessor', [
    None,
    dict(
        type='mmbalance_plugin.MultimodalDataPreprocessor',
        preprocessors=dict(rgb=dict(mean=0., std=1.), flow=None))
])
def test_a_training_and_a_validation_step(preprocessor):
    model = build(data_preprocessor=preprocessor)
    inputs, samples = batch()
    data = dict(
        inputs={m: list(value.unbind())
                for m, value in inputs.items()},
        data_samples=samples)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=.1))
    first = model.train_step(copy.deepcopy(data), wrapper)
    assert list(first) == ['loss', 'loss_cls']
    for _ in range(30):
        last = model.train_step(copy.deepcopy(data), wrapper)
    assert last['loss'] < .7 * first['loss']
    model.eval()
    with torch.no_grad():
        assert len(model.val_step(copy.deepcopy(data))) == 6


def test_a_copy_is_independent():
    model = build(score='auto')
    reader = model.score_reader('test')
    model.loss(*batch())
    twin = copy.deepcopy(model)
    twin.loss(*batch())
    assert reader.read().counts == dict(rgb=6, flow=6)
    assert twin.score_readers['test'].read().counts == dict(rgb=12, flow=12)


def test_a_step_may_be_named_by_its_class():
    """In a config of pure Python."""
    for kind in (TrainStep, 'mmbalance_plugin.TrainStep'):
        assert type(build(step=dict(type=kind)).step) is TrainStep


def three_losses():
    leaf = torch.tensor([1.5, 2.5], requires_grad=True)
    return leaf, dict(
        loss_a=leaf[0] * 3, acc=leaf.sum(), b_loss=leaf.prod())


@pytest.mark.parametrize('losses', [
    three_losses, lambda: (None, dict(loss=torch.ones(()), acc=torch.ones(3))),
    lambda: (None, dict(loss_a=torch.ones(2), loss_b=[torch.ones(2)] * 2)),
    lambda: (None, dict(acc=torch.zeros(())))])
def test_losses_are_summed_as_mmengine_sums_them(losses):
    model = build(('rgb', 'flow'))
    (leaf, mine), (other, theirs) = losses(), losses()
    total, log = model.parse_losses(mine)
    expected, expected_log = BaseModel.parse_losses(model, theirs)
    assert total == expected
    assert list(log) == list(expected_log)
    for name, value in expected_log.items():
        assert torch.equal(torch.as_tensor(log[name]), torch.as_tensor(value))
    if leaf is not None:
        total.backward()
        expected.backward()
        assert leaf.grad.equal(other.grad)
    with pytest.raises(TypeError, match='x is not a tensor'):
        model.parse_losses(dict(x=1., loss=torch.ones(())))
