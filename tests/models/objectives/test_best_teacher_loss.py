"""Distillation from the best modality: losses, schedule, resume, ranks."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank

from mmbalance_plugin.functional import distillation_loss
from mmbalance_plugin.models.objectives import BestTeacherLoss
from tests.dist_utils import run_ranks
from tests.engine.digits import assert_same, train, weights
from tests.engine.test_missing import lacking_cfg
from tests.models.objectives.test_mutual_information_loss import (
    FUSED,
    MI,
    UNIMODAL,
    cfg,
)
from tests.models.recognizers.toy import batch, build, targets

TEACH = dict(type='mmbalance_plugin.BestTeacherLoss')
NAMES = ('audio', 'visual')


def test_golden_distillation():
    student, teacher = torch.tensor([[0., 0.]]), torch.tensor([[4., 0.]])
    # p = sigmoid(2); 4 (ln 2 - H(p))
    assert float(distillation_loss(student, teacher)) == pytest.approx(
        4 * (.693147 - .365334), abs=1e-5)
    assert float(distillation_loss(teacher, teacher + 1)) == pytest.approx(0)
    torch.manual_seed(0)
    z = torch.randn(2, 5, 3)
    torch.testing.assert_close(
        distillation_loss(z[0], z[1], 3.),
        9 * F.kl_div((z[0] / 3).log_softmax(1), (z[1] / 3).softmax(1),
                     reduction='batchmean'))


def test_the_teacher_learns_from_labels_alone():
    model = build(head='ConcatHead', objective=[dict(TEACH, lam=.3)])
    term, = model.terms
    term.last, term.teacher = dict(run=1.), 'rgb'
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    z = model.head.unimodal_logits(model.extract_feat(inputs))
    ce = {m: F.cross_entropy(value, targets()) for m, value in z.items()}
    for name, expected in {
            'loss_cls_rgb': ce['rgb'],
            'loss_cls_flow': .7 * ce['flow'],
            'loss_distill_flow': .3 * distillation_loss(z['flow'], z['rgb'])
    }.items():
        torch.testing.assert_close(losses[name], expected)
    assert 'loss_distill_rgb' not in losses
    losses['loss_distill_flow'].backward()
    for name, parameter in model.encoders['rgb'].named_parameters():
        assert parameter.grad is None or not parameter.grad.any(), name


def staged(folder, lam=.5, **options):
    """Distillation, then the balanced losses."""
    config = cfg(folder, epochs=2, **options)
    config.train_cfg.stages = [
        dict(name='distil', keep='last', objective=[dict(TEACH, lam=lam)]),
        dict(name='joint', keep='last', objective=[FUSED, MI])
    ]
    return config


def history(runner):
    return [record['history'] for record in runner.train_loop.records]


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    return folder, train(staged(folder))


def test_the_best_on_held_out_samples_teaches(whole):
    (first, second), balanced = history(whole[1])
    assert [first[f'teacher_{m}'] for m in NAMES] == [0, 0]  # warming up
    best = max(NAMES, key=lambda m: second[f'teacher_f1_{m}'])
    assert {m: second[f'teacher_{m}'] for m in NAMES} == {
        m: float(m == best) for m in NAMES}
    # What one stage ends with, the next begins with.
    assert balanced[0]['mi_f1_audio'] > 0 and len(balanced) == 2


@pytest.mark.parametrize('epoch', [1, 3])
def test_a_resumed_run_is_the_uninterrupted_one(whole, tmp_path, epoch):
    config = staged(tmp_path)
    config.load_from, config.resume = f'{whole[0]}/epoch_{epoch}.pth', True
    again = train(config)
    assert_same(weights(whole[1]), weights(again))
    assert history(whole[1]) == history(again)


def test_without_lam_it_is_each_modality_alone(tmp_path):
    runs = []
    for name, term in dict(teach=dict(TEACH, lam=0.), alone=UNIMODAL).items():
        config = cfg(tmp_path / name, epochs=2)
        config.model.objective = [dict(term)]
        runs.append(weights(train(config)))
    assert_same(*runs)


def test_samples_that_lack_a_modality_are_left_out(tmp_path):
    config = cfg(tmp_path, epochs=2, make=lacking_cfg)
    config.model.objective = [dict(TEACH, warmup=0)]
    runner = train(config)
    assert all(value.isfinite().all() for value in weights(runner).values())
    assert all(sum(row[f'teacher_{m}'] for m in NAMES) == 1
               for row in history(runner)[0])


@pytest.mark.parametrize('options', [
    dict(lam=1.5), dict(temperature=0.), dict(warmup=-1)])
def test_options_are_checked(options):
    with pytest.raises(ValueError, match='lam must be'):
        BestTeacherLoss(**options)


def rank_run(folder):
    config = staged(f'{folder}/{get_rank()}', norm=False)
    config.train_dataloader.batch_size = 16
    config.launcher = 'pytorch'
    runner = train(config)
    return weights(runner), history(runner)


def test_two_ranks_are_one_process(tmp_path):
    first, second = run_ranks(rank_run, 2, str(tmp_path))
    assert_same(first[0], second[0])
    assert first[1] == second[1]
    one = history(train(staged(tmp_path / 'one', norm=False)))
    for found, expected in zip(sum(first[1], []), sum(one, [])):
        assert found == pytest.approx(expected, abs=2e-2)
