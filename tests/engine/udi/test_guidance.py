"""Terms of batches of which samples lack the anchor or the follower, and
under a loss scale."""
import copy

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch.amp import GradScaler

from mmbalance_plugin.engine.udi import AlphaController, AnchorGuidance
from mmbalance_plugin.functional import js_divergence
from mmbalance_plugin.models.losses import CLUBLoss, JSDivergenceLoss
from mmbalance_plugin.models.objectives import UnimodalLoss
from tests.dist_utils import run_ranks
from tests.models.recognizers.toy import snapshot
from tests.models.test_presence import alone, data, toy

LACKS = {0: ('rgb', ), 2: ('flow', ), 3: ('sound', ), 6: ('rgb', 'sound')}
BOTH = [1, 3, 4, 5, 7]
NONE = {i: ('rgb', 'flow')[i % 2:i % 2 + 1] for i in range(8)}


def guided():
    model = toy()
    club = CLUBLoss(8, 9, seed=0, clamp=False)
    guide = AnchorGuidance(
        'rgb',
        'flow',
        JSDivergenceLoss(),
        club,
        controller=dict(start=dict(con=.3, com=.7)))
    model.enter_stage(['flow'], [UnimodalLoss(), guide])
    return model, guide


def test_terms_are_about_samples_that_have_both():
    model, guide = guided()
    given = model.data_preprocessor(data(lacks=LACKS), True)
    losses = model(**given, mode='loss')
    features = [alone(model, i, lacks=LACKS) for i in BOTH]
    rgb, flow = (torch.stack([f[m] for f in features])
                 for m in ('rgb', 'flow'))
    logits = [model.head.branches[m](x)
              for m, x in (('rgb', rgb), ('flow', flow))]
    # Others are of no divergence; the mean is over the batch.
    con = js_divergence(*logits) * len(BOTH) / 8
    torch.testing.assert_close(losses['loss_con_flow'], .3 * con)
    # After its steps on these samples.
    com = guide.losses['com'](rgb, flow, update_estimator=False)
    torch.testing.assert_close(losses['loss_com_flow'], .7 * com)
    twin = CLUBLoss(8, 9, seed=0, clamp=False)
    torch.testing.assert_close(
        twin(rgb.detach(), flow.detach(), update_estimator=True), com)


def test_no_sample_has_both():
    model, guide = guided()
    before = {k: v.clone() for k, v in guide.losses.named_parameters()}
    losses = model(
        **model.data_preprocessor(data(lacks=NONE), True), mode='loss')
    assert losses['loss_con_flow'] == losses['loss_com_flow'] == 0
    losses['loss_con_flow'].backward(retain_graph=True)
    losses['loss_com_flow'].backward()
    assert not model.encoders['flow'].backbone.layers[0].weight.grad.any()
    for name, value in guide.losses.named_parameters():
        assert torch.equal(before[name], value)
    AlphaController(begin=0).update(model, guide, data(lacks=NONE))
    assert guide.alphas == dict(con=.3, com=.7)


def test_the_controller_sees_the_same_terms():
    model, guide = guided()
    aligned = AlphaController(begin=0).update(model, guide, data(lacks=LACKS))
    weight = list(model.encoders['flow'].parameters())
    guide.alphas = dict(con=1., com=1.)
    given = model.data_preprocessor(data(lacks=LACKS), True)
    guide.losses['com'].eval()
    losses = model(**given, mode='loss')
    assert set(losses) == {
        'loss_cls_flow', 'loss_con_flow', 'loss_com_flow'}
    grads = {
        k: torch.cat([g.flatten() for g in torch.autograd.grad(
            loss, weight, retain_graph=True)]) for k, loss in losses.items()
    }
    assert aligned['con'] == pytest.approx(
        float(grads['loss_cls_flow'] @ grads['loss_con_flow']), rel=1e-4)


#: Step by step: some on both ranks, none on the second, none at all.
BY_STEP = [LACKS, *({i: ('rgb', ) for i in range(start, 8)}
                    for start in (4, 0))]


def follow(share=None):
    model, guide = guided()
    wrapped = model if share is None else MMDistributedDataParallel(model)
    wrapper = OptimWrapper(torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=.5))
    for lacks in BY_STEP:
        wrapped.train_step(data(lacks=lacks, rows=share), wrapper)
    q = {k: v.clone() for k, v in guide.losses.named_parameters()}
    return snapshot(model), q


def follow_on_a_share():
    rank = torch.distributed.get_rank()
    return follow(range(4 * rank, 4 * rank + 4))


def test_two_ranks_follow_one_process():
    one, other = run_ranks(follow_on_a_share, 2)
    for expected, found, same in zip(follow(), one, other):
        for key, value in expected.items():
            torch.testing.assert_close(
                found[key], value, rtol=1e-4, atol=1e-5)
            assert torch.equal(found[key], same[key])


def scaled(scale, overflow=None):
    """Weights, Q and scale after each of four steps of the follower."""
    model, guide = guided()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=.1)
    scaler = GradScaler('cpu', init_scale=scale, enabled=scale > 0)
    steps = []
    for step in range(4):
        given = model.data_preprocessor(data(lacks=LACKS), True)
        if step == overflow:
            given['inputs']['flow'][1] = torch.inf
        optimizer.zero_grad()
        losses = model(**given, mode='loss')
        scaler.scale(sum(losses.values())).backward()
        scaler.step(optimizer)
        scaler.update()
        q = guide.losses['com'].state_dict()
        steps.append(([p.detach().clone() for p in trained],
                      copy.deepcopy(q), scaler.get_scale()))
    return steps


def test_the_loss_scale_does_not_matter():
    plain = scaled(0)
    for scale in (1., 65536.):
        for expected, found in zip(plain, scaled(scale)):
            torch.testing.assert_close(found[:2], expected[:2])
    first, last = plain[0], plain[-1]
    assert not torch.equal(first[1]['estimator.weights'],
                           last[1]['estimator.weights'])
    assert any(not torch.equal(a, b) for a, b in zip(first[0], last[0]))


def test_an_overflow_skips_the_follower_and_leaves_q_finite():
    steps = scaled(1024., overflow=1)
    assert [scale for _, _, scale in steps] == [1024., 512., 512., 512.]
    for before, after in zip(steps[0][0], steps[1][0]):
        assert torch.equal(before, after)
    assert any(not torch.equal(a, b) for a, b in zip(steps[1][0],
                                                     steps[2][0]))
    for weights, q, _ in steps:
        assert all(w.isfinite().all() for w in weights)
        state, = q['estimator._extra_state']['state'].values()
        for value in (q['estimator.weights'], q['epoch_average.sums'],
                      *state.values()):
            assert value.isfinite().all()
    # The step that was lost is in no average.
    assert steps[-1][1]['epoch_average.sums'][-1] == 3
