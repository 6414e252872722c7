"""OPM beside OGM, across a resume, and on several ranks."""
import pytest
import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub

from tests.dist_utils import run_ranks
from tests.engine.modulation_toy import (
    assert_same,
    batches,
    build,
    config,
    ogm,
    run_cfg,
    train,
    weights,
)
from tests.models.wrappers.opm_toy import ALWAYS, hub_at, modulate


# ---- with OGM ----------------------------------------------------------
def test_ogm_takes_its_ratios_from_undropped_features():
    found = []
    for opm in (None, dict(ALWAYS, q_base=1., rescale=False)):
        model = build(opm=opm)
        wrapper = ogm(model, lr=0.)
        hub_at()
        model.train_step(batches(1)[0], wrapper)
        found.append(wrapper.method.last)
    assert_same(found[0]['ratios'], found[1]['ratios'])
    assert_same(found[0]['ratios'], model.last['ratios'])
    assert model.last['rates'][max(
        found[0]['ratios'], key=lambda m: found[0]['ratios'][m])] == 1


@pytest.mark.parametrize('epoch, opm_acts, ogm_acts', [(0, False, True),
                                                       (1, False, True),
                                                       (2, True, False)])
def test_schedules_are_their_own(epoch, opm_acts, ogm_acts):
    hub_at(epoch=epoch)
    model = build(opm=dict(warmup_epochs=2, p_exe=1.))
    wrapper = ogm(model, end_epoch=1)
    model.train_step(batches(1)[0], wrapper)
    assert (max(model.last['probabilities'].values()) > 0) == opm_acts
    coefficients = wrapper.method.last['coefficients']
    assert (min(coefficients.values()) < 1) == ogm_acts


def test_it_acts_in_each_forward_under_accumulation():
    model = build(opm=ALWAYS)
    wrapper = ogm(model, accumulative_counts=2)
    seen = []
    for step, batch in enumerate(batches(2)):
        hub_at(step=step)
        model.train_step(batch, wrapper)
        seen.append(model.last['ratios']['rgb'].item())
    assert seen[0] != seen[1]
    assert seen[1] != wrapper.method.last['ratios']['rgb'].item()


# ---- in a run ----------------------------------------------------------
def opm_cfg(work_dir, opm, staged, **merge):
    model = dict(
        type='mmbalance_plugin.OPM',
        recognizer=config(norm=True),
        log_interval=1,
        **opm)
    loop = None if staged else dict(type='EpochBasedTrainLoop')
    return run_cfg(
        work_dir,
        model,
        epochs=5,
        loop=loop,
        optim_wrapper=dict(
            type='mmbalance_plugin.OGMOptimWrapper',
            alpha=.5,
            generalization_enhancement=True,
            optimizer=dict(type='SGD', lr=.1, momentum=.9)),
        **merge)


@pytest.mark.parametrize('staged', [False, True], ids=['plain', 'staged'])
@pytest.mark.parametrize('opm, epochs', [
    (dict(warmup_epochs=2), (1, 2, 3)),
    (dict(warmup_epochs=0, ratio_from='previous', p_exe=1.), (2, )),
], ids=['warmup', 'previous'])
def test_resume_equals_the_uninterrupted_run(tmp_path, opm, epochs, staged):
    whole = train(opm_cfg(tmp_path / 'whole', opm, staged))
    rates = whole.message_hub.log_scalars['train/opm_drop_rate_rgb'].data[0]
    assert rates.max() > 0
    for epoch in epochs:
        MessageHub._instance_dict.clear()
        resumed = train(
            opm_cfg(
                tmp_path / f'resumed{epoch}',
                opm,
                staged,
                resume=True,
                load_from=str(tmp_path / f'whole/epoch_{epoch}.pth')))
        assert_same(weights(whole.model), weights(resumed.model))
        again = resumed.message_hub.log_scalars['train/opm_drop_rate_rgb']
        assert again.data[0].tolist() == rates.tolist()


# ---- ranks -------------------------------------------------------------
def rank_run():
    hub_at(seed=4 + get_rank())
    model = build(opm=dict(warmup_epochs=0))
    seen = []
    for step in range(30):
        hub_at(step=step, seed=4 + get_rank())
        local = dict(rgb=5., flow=1.) if get_rank() == 0 else dict(
            rgb=1., flow=2.)
        out, _ = modulate(model, 40, **local)
        seen.append(
            dict(
                rho=model.last['ratios']['rgb'],
                q=model.last['probabilities']['rgb'],
                mask=out['rgb'][:, 0] == 0,
                scale=out['flow'][0, 0]))
    return seen


def test_ranks_share_ratios_and_coins_but_not_masks():
    first, second = run_ranks(rank_run, 2)
    executed = 0
    for a, b in zip(first, second):
        assert a['rho'].item() == pytest.approx(2)  # (5 + 1) / (1 + 2)
        for key in ('rho', 'q', 'scale'):
            assert torch.equal(a[key], b[key])
        executed += (a['q'] > 0).item()
        assert a['mask'].any() == (a['q'] > 0) == b['mask'].any()
    assert 10 < executed < 30
    assert any(not torch.equal(a['mask'], b['mask'])
               for a, b in zip(first, second))
