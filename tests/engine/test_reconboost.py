"""ReconBoost: the loss, turns and corrections, ranks, scales and resume."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.optim import OptimWrapper
from torch.optim import SGD

from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.functional import reconboost_loss
from mmbalance_plugin.models.objectives import ReconBoostLoss
from tests.dist_utils import run_ranks
from tests.engine import modulation_toy as images
from tests.engine.digits import MODALITIES, assert_same, digits_cfg, train
from tests.engine.digits import weights as weights_of
from tests.models.recognizers.toy import batch, build, targets
from tests.models.test_presence import data, toy

BOOST = dict(type='mmbalance_plugin.ReconBoostLoss')
THREE = ('rgb', 'flow', 'sound')
SUM = dict(combine='sum_logits')


@pytest.mark.parametrize('own, expected', [(5., .993511), (4., .762462)])
def test_golden(own, expected):
    half = torch.tensor([[.5, .3, .2]], dtype=torch.float64).log()
    rest = torch.tensor([[.7, .2, .1]], dtype=torch.float64).log()
    found = reconboost_loss(half, rest, torch.tensor([0]), own)
    assert float(found) == pytest.approx(expected, abs=1e-6)


# ---- the term --------------------------------------------------------------
def turn(model, modality='flow', **options):
    model.enter_stage([modality], [dict(BOOST, **options)])
    return model.train()


def test_one_learns_what_the_others_do_not_know():
    model = turn(build(THREE, head='DecisionHead', head_cfg=SUM))
    inputs, samples = batch(THREE)
    loss = model.loss(inputs, samples)
    z = model.head.unimodal_logits(model.extract_feat(inputs))
    y = targets()
    p = (z['rgb'] + z['sound']).softmax(1).detach()[range(len(y)), y]
    ce = F.cross_entropy(z['flow'], y, reduction='none')
    expected = ((5 - p) * ce).mean() / z['flow'].shape[1]
    torch.testing.assert_close(loss, dict(loss_boost_flow=expected))
    loss['loss_boost_flow'].backward()
    for name, value in model.named_parameters():
        assert (value.grad is not None) == ('.flow.' in name), name


def test_without_the_others_part_it_is_cross_entropy():
    model = build(head='DecisionHead', head_cfg=SUM)
    own = float(model.head.num_classes)
    inputs, samples = batch()
    found = turn(model, own=own, shared=0.).loss(inputs, samples)
    model.enter_stage(['flow'], 'unimodal')
    torch.testing.assert_close(
        found['loss_boost_flow'],
        model.loss(inputs, samples)['loss_cls_flow'])


def test_what_a_sample_lacks():
    """Neither a loss of it, nor a say in what the others know."""
    lacks = {0: ('rgb', ), 2: ('flow', ), 3: ('sound', ),
             6: ('rgb', 'sound')}
    model = toy('sum_logits')
    turn(model).eval()
    given = model.data_preprocessor(data(lacks=lacks), True)
    with torch.no_grad():
        found = float(model(**given, mode='loss')['loss_boost_flow'])
    out = model(**given, mode='tensor')
    total = 0.
    for i, sample in enumerate(given['data_samples']):
        y = int(sample.gt_label)
        gone = lacks.get(i, ())
        if 'flow' in gone:
            continue
        others = [out['unimodal'][m][i] for m in ('rgb', 'sound')
                  if m not in gone] or [torch.zeros(model.head.num_classes)]
        p = sum(others).softmax(0)[y]
        total -= (5 - p) * out['unimodal']['flow'][i].log_softmax(0)[y]
    expected = total / 8 / model.head.num_classes
    assert found == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize('options', [
    dict(own=0.), dict(shared=-1.), dict(own=1., shared=2.)])
def test_weights_are_checked(options):
    with pytest.raises(ValueError, match='ReconBoostLoss: own must be'):
        ReconBoostLoss(**options)


def test_what_cannot_take_turns_is_told():
    model = build(head='DecisionHead')
    with pytest.raises(ValueError, match='trains one of several'):
        ReconBoostLoss().check(model)
    model = build(head='SumHead')
    model.enter_stage(['rgb'])
    with pytest.raises(ValueError, match='use DecisionHead, not SumHead'):
        ReconBoostLoss().check(model)


def steps(data, parts=1, wrap=lambda model: model):
    model = turn(images.build(head='DecisionHead'))
    model = wrap(model)
    wrapper = OptimWrapper(
        SGD([p for p in model.parameters() if p.requires_grad], lr=.1,
            momentum=.9), accumulative_counts=parts)
    for whole in data:
        for part in images.split(whole, parts):
            model.train_step(part, wrapper)
    return images.weights(model)


def rank_steps():
    return steps([images.split(b, 2)[get_rank()]
                  for b in images.batches(4, size=16)],
                 wrap=MultimodalDistributedDataParallel)


def test_two_ranks_and_micro_batches_are_one_process():
    whole = steps(images.batches(4, size=16))
    first, second = run_ranks(rank_steps, 2)
    images.assert_same(first, second)
    images.assert_close(first, whole)
    images.assert_close(steps(images.batches(4, size=16), 2), whole)


def test_under_amp_the_loss_is_float32():
    model = turn(build(head='DecisionHead'))
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(*batch())
    assert losses['loss_boost_flow'].dtype == torch.float32


# ---- runs ------------------------------------------------------------------
def cfg(folder, **options):
    loop = dict(
        type='mmbalance_plugin.ReconBoostTrainLoop',
        max_epochs=2,
        turn_epochs=1,
        correction_epochs=1,
        **options)
    run = digits_cfg(
        folder, loop, n_train=64, n_val=32,
        default_hooks=dict(checkpoint=dict(max_keep_ckpts=-1)))
    run.model.head.combine = 'sum_logits'
    return run


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    return train(cfg(tmp_path_factory.mktemp('reconboost') / 'whole'))


def state(runner, epoch):
    return torch.load(f'{runner.work_dir}/epoch_{epoch}.pth',
                      weights_only=False)['state_dict']


def test_turns_and_corrections_follow_late_fusion(whole, tmp_path):
    names = [record['name'] for record in whole.train_loop.records]
    assert names == [
        'unimodal_audio', 'unimodal_visual', 'turn_1_audio',
        'correction_1_audio', 'turn_1_visual', 'correction_1_visual'
    ]
    late = train(digits_cfg(
        tmp_path / 'late',
        dict(max_epochs=2,
             stages=[dict(name=m, train=[m]) for m in MODALITIES]),
        n_train=64, n_val=32))
    alone, turned, corrected = weights_of(late), state(whole, 5), state(
        whole, 6)
    for name in alone:
        assert torch.equal(alone[name], turned[name]) == (
            '.visual.' in name), name
        if name.endswith('weight'):
            assert not torch.equal(turned[name], corrected[name]), name


@pytest.mark.parametrize('epoch', [5, 6, 7])  # turn, correction, turn
def test_resumed_equals_uninterrupted(whole, tmp_path, epoch):
    part = cfg(tmp_path / 'part')
    part.resume = True
    part.load_from = f'{whole.work_dir}/epoch_{epoch}.pth'
    assert_same(weights_of(whole), weights_of(train(part)))


def test_rounds(tmp_path):
    run = train(cfg(tmp_path / 'two', rounds=2))
    assert [r['name'] for r in run.train_loop.records][-2:] == [
        'turn_2_visual', 'correction_2_visual']
    for key in ('rounds', 'turn_epochs', 'correction_epochs'):
        wrong = cfg(tmp_path / key)
        wrong.train_cfg[key] = 0
        with pytest.raises(ValueError, match=f'{key} must be at least 1'):
            train(wrong)
