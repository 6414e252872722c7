"""What UDI is compared with: guidance on a joint loss, label smoothing."""
import pytest
import torch
import torch.nn.functional as F

from mmbalance_plugin.engine.udi import AnchorGuidance
from mmbalance_plugin.functional import js_divergence
from mmbalance_plugin.models.losses import (
    JSDivergenceLoss,
    LabelSmoothingLoss,
)
from mmbalance_plugin.models.objectives import FusedLoss
from tests.engine.digits import assert_same, digits_cfg, train, weights
from tests.models.recognizers.toy import batch, build, targets

FUSED = dict(type='mmbalance_plugin.FusedLoss')
GUIDE = dict(
    type='mmbalance_plugin.AnchorGuidance',
    anchor='visual',
    follower='audio',
    consistency=dict(type='mmbalance_plugin.JSDivergenceLoss'),
    complementarity=dict(type='mmbalance_plugin.CLUBLoss'),
    controller=dict(task='fused'))


@pytest.mark.parametrize('alpha', [1 / 9, .5])
def test_label_smoothing_by_the_frameworks(alpha):
    torch.manual_seed(0)
    logits, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    found = F.cross_entropy(logits, y) + alpha * LabelSmoothingLoss()(
        torch.randn(6, 4), logits)
    torch.testing.assert_close(found, (1 + alpha) * F.cross_entropy(
        logits, y, label_smoothing=alpha / (1 + alpha)))
    assert LabelSmoothingLoss()(None, logits.half()).dtype == torch.float32


def test_a_joint_loss_trains_both_and_the_terms_only_the_follower():
    model = build()
    guide = AnchorGuidance(
        'rgb', 'flow', JSDivergenceLoss(),
        dict(type='mmbalance_plugin.CLUBLoss', clamp=False))
    model.enter_stage('all', [FusedLoss(), guide])
    inputs, samples = batch()
    losses = model.train()(inputs, samples, mode='loss')
    assert list(losses) == ['loss_cls', 'loss_con_flow', 'loss_com_flow']
    model.eval()
    twin = build().train()  # the same features, statistics and all
    features = twin.extract_feat(inputs)
    z = twin.head.unimodal_logits(features)
    torch.testing.assert_close(losses['loss_con_flow'],
                               .5 * js_divergence(z['rgb'], z['flow']))
    torch.testing.assert_close(
        losses['loss_cls'],
        F.nll_loss(twin.head(features), targets()))
    reached = {}
    for name, loss in losses.items():
        model.zero_grad()
        loss.backward(retain_graph=True)
        reached[name] = {
            n.split('.')[1] if n.startswith('enc') else n.split('.')[2]
            for n, p in model.named_parameters() if p.grad is not None}
    assert reached == dict(loss_cls={'rgb', 'flow'}, loss_con_flow={'flow'},
                           loss_com_flow={'flow'})


def cfg(folder, *terms):
    return digits_cfg(
        folder,
        dict(max_epochs=3, stages=[
            dict(name='joint', objective=[FUSED, *terms], keep='last')]),
        n_train=96, n_val=64,
        default_hooks=dict(checkpoint=dict(max_keep_ckpts=-1)))


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    return train(cfg(tmp_path_factory.mktemp('joint') / 'whole', GUIDE))


def test_the_controller_runs_on_a_joint_loss(whole):
    """Nothing of the anchor is kept, as it changes all the time."""
    history = whole.train_loop.records[0]['history']
    assert [h['alpha_con_audio'] for h in history][0] == .5  # not begun
    for row in history[1:]:
        assert row['align_con_audio'] and row['align_com_audio'] is not None
        assert row['alpha_con_audio'] + row['alpha_com_audio'] in (
            pytest.approx(1), pytest.approx(0))
    guide = whole.train_loop.model._build_terms([GUIDE])[0]
    whole.train_loop.model.enter_stage('all', [guide])
    guide.start_stage(whole.train_loop)
    assert not guide.caches
    assert guide.loads(whole.train_loop.model) == ('audio', 'visual')


@pytest.mark.parametrize('epoch', [1, 2])
def test_resumed_equals_uninterrupted(whole, tmp_path, epoch):
    part = cfg(tmp_path / 'part', GUIDE)
    part.resume = True
    part.load_from = f'{whole.work_dir}/epoch_{epoch}.pth'
    assert_same(weights(whole), weights(train(part)))


def test_without_weights_it_is_joint_training(tmp_path):
    still = dict(GUIDE, controller=dict(
        dynamic=False, start=dict(con=0., com=0.)))
    assert_same(weights(train(cfg(tmp_path / 'still', still))),
                weights(train(cfg(tmp_path / 'joint'))))
