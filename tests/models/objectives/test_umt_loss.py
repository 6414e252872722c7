"""UMT: the teachers are what stood before the stage, wherever it runs."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch.optim import SGD

from mmbalance_plugin.engine.loops import StagedTrainLoop
from mmbalance_plugin.engine.loops.stage_hooks import STATE_KEY
from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.functional import umt_distillation
from mmbalance_plugin.models.objectives import FusedLoss
from mmbalance_plugin.models.objectives.umt_loss import UMTLoss
from tests.dist_utils import run_ranks
from tests.engine import modulation_toy as images
from tests.engine.digits import MODALITIES, assert_same, digits_cfg, train
from tests.engine.digits import weights as weights_of
from tests.models.recognizers.toy import batch, build, targets
from tests.models.test_presence import alone, data, toy

FUSED = dict(type='mmbalance_plugin.FusedLoss')
UMT = dict(type='mmbalance_plugin.UMTLoss')


def test_golden():
    student = torch.tensor([[1., 2.]], dtype=torch.float64)
    teacher = torch.tensor([[.8, 2.4]], dtype=torch.float64)
    assert 10 * float(umt_distillation(student, teacher)) == pytest.approx(
        1., abs=1e-9)


# ---- the term --------------------------------------------------------------
def taught(make, weight=10., by=.1):
    """A model whose teachers are its encoders before they were moved."""
    model, term = make(), UMTLoss(weight)
    model.enter_stage('all', [FusedLoss(), term])
    with torch.no_grad():
        for value in model.encoders.parameters():
            value.mul_(1 + by)
    return model.train(), term


def test_each_modality_is_drawn_to_its_teacher():
    model, _ = taught(lambda: build(('rgb', 'flow', 'sound')))
    first = build(('rgb', 'flow', 'sound')).eval()
    inputs, samples = batch(('rgb', 'flow', 'sound'))
    before = {k: v.clone() for k, v in model.named_buffers()}
    losses = model.loss(inputs, samples)
    teachers = first.extract_feat(inputs)
    features = model.extract_feat(inputs)
    for m in features:
        torch.testing.assert_close(losses[f'loss_umt_{m}'], 10 * F.mse_loss(
            features[m], teachers[m]))
    torch.testing.assert_close(
        losses['loss_cls'],
        model.head.criterion(model.head(features), targets()))
    losses['loss_umt_rgb'].backward()
    assert model.encoders['rgb'].backbone.layers[0].weight.grad.any()
    assert not any(p.grad is not None and p.grad.any()
                   for n, p in model.named_parameters() if 'rgb' not in n)
    # BatchNorm has seen the student alone, twice.
    for name, value in model.named_buffers():
        if 'num_batches' in name:
            assert value == before[name] + 2


def test_without_weight_it_is_joint():
    none, _ = taught(build, weight=0.)
    joint, _ = taught(build)
    joint.enter_stage('all', 'fused')
    for model in (none, joint):
        model.parse_losses(model.loss(*batch()))[0].backward()
    for (name, a), b in zip(none.named_parameters(), joint.parameters()):
        torch.testing.assert_close(a.grad, b.grad, msg=name)


LACKS = {0: ('rgb', ), 2: ('flow', ), 3: ('sound', ), 6: ('rgb', 'sound')}
NO_RGB = {i: ('rgb', ) for i in range(8)}


@pytest.mark.parametrize('lacks', [LACKS, NO_RGB])
def test_who_lacks_a_modality_has_no_distance(lacks):
    model, _ = taught(toy)
    given = model.data_preprocessor(data(lacks=lacks), True)
    losses = model(**given, mode='loss')
    first = toy().eval()
    model.eval()
    for m in model.modalities:
        total = sum(
            umt_distillation(alone(model, i, lacks=lacks)[m],
                             alone(first, i, lacks=lacks)[m])
            for i in range(8) if m not in lacks.get(i, ()))
        torch.testing.assert_close(
            losses[f'loss_umt_{m}'], torch.as_tensor(10. * total / 8))


def test_the_weight_is_not_negative():
    with pytest.raises(ValueError, match='weight'):
        UMTLoss(-1.)


def steps(data, parts=1, wrap=lambda model: model):
    model, term = taught(lambda: images.build(head='SumHead'))
    kept = {m: {k: v.clone() for k, v in values.items()}
            for m, values in term.teachers.items()}
    model = wrap(model)
    wrapper = OptimWrapper(
        SGD(model.parameters(), lr=.1, momentum=.9),
        accumulative_counts=parts)
    for whole in data:
        for part in images.split(whole, parts):
            model.train_step(part, wrapper)
    for m, values in kept.items():
        images.assert_same(values, term.teachers[m])
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


def test_under_amp_the_distance_is_float32():
    model, _ = taught(build)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(*batch())
    assert losses['loss_umt_rgb'].dtype == torch.float32


# ---- runs ------------------------------------------------------------------
def cfg(folder):
    stages = [dict(name=m, train=[m]) for m in MODALITIES]
    stages += [dict(name='umt', objective=[FUSED, UMT], init='scratch')]
    return digits_cfg(
        folder, dict(max_epochs=2, stages=stages), head='SumHead',
        n_train=64, n_val=32,
        default_hooks=dict(checkpoint=dict(max_keep_ckpts=-1)))


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    return train(cfg(tmp_path_factory.mktemp('umt') / 'whole'))


def test_the_teachers_are_the_modalities_trained_alone(whole, tmp_path):
    stages = [dict(name=m, train=[m]) for m in MODALITIES]
    late = train(digits_cfg(
        tmp_path / 'late', dict(max_epochs=2, stages=stages), head='SumHead',
        n_train=64, n_val=32))
    state = torch.load(
        whole.work_dir + '/epoch_6.pth', weights_only=False)
    _, term = state[STATE_KEY]['terms']
    for m in MODALITIES:
        assert_same({f'encoders.{m}.{k}': v
                     for k, v in term['teachers'][m].items()},
                    weights_of(late, f'encoders.{m}'))
    assert [r['name'] for r in whole.train_loop.records] == [
        *MODALITIES, 'umt']


def test_the_student_starts_anew(tmp_path):
    """With nothing to learn by, it is the model as it was built."""
    run = cfg(tmp_path / 'still')
    run.train_cfg.stages[-1].update(
        optim_wrapper=dict(optimizer=dict(lr=0.)), keep='last')
    trained = weights_of(train(run), 'encoders')
    runner = Runner.from_cfg(cfg(tmp_path / 'built'))
    runner._init_model_weights()
    for name, value in weights_of(runner, 'encoders').items():
        if 'running' not in name and 'num_b' not in name:
            assert torch.equal(trained[name], value), name


def test_with_a_cache_and_without_it_learns_the_same(whole, tmp_path,
                                                     monkeypatch):
    monkeypatch.setattr(StagedTrainLoop, 'cached_outputs', lambda *_, **__: {})
    plain = train(cfg(tmp_path / 'plain'))
    images.assert_close(weights_of(whole), weights_of(plain), atol=1e-5)


def test_resumed_equals_uninterrupted(whole, tmp_path):
    for epoch in (4, 5):  # the teachers are ready; half of the student
        part = cfg(tmp_path / f'from_{epoch}')
        part.resume = True
        part.load_from = f'{whole.work_dir}/epoch_{epoch}.pth'
        assert_same(weights_of(whole), weights_of(train(part)))


@pytest.mark.parametrize('place', ['model', 'first'])
def test_without_teachers_it_is_refused(place, tmp_path):
    run = cfg(tmp_path / 'run')
    if place == 'model':
        run.train_cfg.stages = [dict(name='umt')]
        run.model.objective = [FUSED, UMT]
    else:
        run.train_cfg.stages = run.train_cfg.stages[-1:]
    with pytest.raises(ValueError, match="'umt': nothing has trained the"):
        train(run)
