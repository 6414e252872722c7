import copy
import math

import pytest
import torch

from mmbalance_plugin.registry import MODELS
from tests.engine.modulation_toy import (
    assert_same,
    batches,
    build,
    gradients,
    ogm,
)
from tests.models.wrappers.opm_toy import ALWAYS, hub_at, modulate, record_of

TRIPLE = ('rgb', 'flow', 'depth')


# ---- what is dropped ---------------------------------------------------
def test_golden_batch():
    model = build(opm=ALWAYS)
    # Two equal widths, as in the fixture of the published values.
    model.encoders['flow'].proj = None
    model.head.in_channels['flow'] = 6
    hub_at()
    out, _ = modulate(model, 4000, rgb=3., flow=1.)
    last = model.last
    q = {m: value.item() for m, value in last['probabilities'].items()}
    assert q == dict(rgb=pytest.approx(.7410, abs=1e-4), flow=0)
    kept = out['rgb'][:, 0] != 0
    # A feature goes as a whole; all that stay are scaled by 1.5886.
    assert torch.equal(kept[:, None].expand(4000, 6), out['rgb'] != 0)
    torch.testing.assert_close(
        out['rgb'][kept], torch.full_like(out['rgb'][kept], 1.5886),
        atol=1e-4, rtol=0)
    torch.testing.assert_close(
        out['flow'], torch.full_like(out['flow'], 1.5886), atol=1e-4, rtol=0)
    rate = 1 - kept.float().mean().item()
    assert rate == pytest.approx(.741, abs=3 * math.sqrt(.741 * .259 / 4000))
    assert last['rates']['rgb'].item() == pytest.approx(rate, abs=1e-6)
    assert last['rates']['flow'].item() == 0


def test_theta_weighs_by_width():
    model = build(opm=ALWAYS)  # 6 channels of rgb, 5 of flow
    hub_at()
    out, _ = modulate(model, rgb=3., flow=1.)
    theta = 6 * .7410 / 11
    assert out['flow'][0, 0].item() == pytest.approx(1 / (1 - theta), abs=1e-3)


def test_without_rescaling():
    model = build(opm=dict(ALWAYS, rescale=False))
    hub_at()
    out, _ = modulate(model, 100, rgb=3., flow=1.)
    assert set(out['rgb'].unique().tolist()) == {0., 1.}
    assert set(out['flow'].unique().tolist()) == {1.}


def test_options_reach_the_formula():
    model = build(opm=dict(ALWAYS, q_base=.3, lam=1.5))
    hub_at()
    modulate(model, rgb=2., flow=1.)
    assert model.last['probabilities']['rgb'].item() == pytest.approx(
        .3 * (1 + 1.5 * math.tanh(1)))


def test_never_every_modality_and_never_the_weakest():
    model = build(TRIPLE, opm=dict(ALWAYS, q_base=1., rescale=False))
    generator = torch.Generator().manual_seed(0)
    dropped_two = False
    for step in range(100):
        hub_at(step=step)
        scores = torch.rand(3, generator=generator)
        sums = dict(zip(TRIPLE, scores.tolist()))
        out, _ = modulate(model, **sums)
        gone = {m: (out[m] == 0).all().item() for m in TRIPLE}
        weakest = TRIPLE[int(scores.argmin())]
        assert not gone[weakest]
        dropped_two |= sum(gone.values()) == 2
    assert dropped_two


def test_level_modalities_are_left_alone():
    model = build(TRIPLE, opm=dict(ALWAYS, q_base=1.))
    out, features = modulate(model, rgb=2., flow=2., depth=2.)
    assert_same(out, features)


@pytest.mark.parametrize('score', [0., math.nan])
def test_odd_scores_leave_finite_features(score):
    model = build(opm=ALWAYS)
    out, _ = modulate(model, rgb=1., flow=score)
    assert all(v.isfinite().all() for v in out.values())


def test_gradients_of_kept_samples_only():
    model = build(opm=dict(ALWAYS, q_base=.5))
    hub_at()
    features = {
        m: torch.ones(50, e.out_channels, requires_grad=True)
        for m, e in model.encoders.items()
    }
    model.recognizer.batch_scores = dict(
        rgb=torch.tensor(2.), flow=torch.tensor(1.))
    model.recognizer.batch_counts = dict(rgb=50, flow=50)
    out = model.modulate(features, record_of(model))
    sum(v.sum() for v in out.values()).backward()
    assert torch.equal(features['rgb'].grad, out['rgb'].detach())
    assert torch.equal(features['flow'].grad, out['flow'].detach())
    assert 0 < (features['rgb'].grad == 0).float().mean() < 1


# ---- when --------------------------------------------------------------
def losses(model, batch, mode='train'):
    model.train(mode == 'train')
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    return model(**data, mode='loss')['loss_cls'].item()


def test_no_effect_in_eval_mode():
    bare, wrapped, batch = build(), build(opm=ALWAYS), batches(1)[0]
    assert losses(bare, batch) != losses(wrapped, batch)
    assert losses(bare, batch, 'eval') == losses(wrapped, batch, 'eval')


@pytest.mark.parametrize('epoch, acts', [(0, False), (5, False), (6, True),
                                         (7, True)])
@pytest.mark.parametrize('key', ['epoch', 'stage_epoch'])
def test_six_epochs_of_warmup_by_default(epoch, acts, key):
    hub_at(epoch=100).update_info(key, epoch)
    model = build(opm=dict(p_exe=1.))
    out, features = modulate(model, 100, rgb=3., flow=1.)
    assert (not torch.equal(out['rgb'], features['rgb'])) == acts
    assert (model.last['probabilities']['rgb'] > 0) == acts
    assert model.last['ratios']['rgb'].item() == pytest.approx(3)


@pytest.mark.parametrize('epochs, warns', [(6, True), (7, False)])
def test_a_warmup_that_never_ends_is_told(epochs, warns, monkeypatch):
    said = []
    monkeypatch.setattr('mmbalance_plugin.models.wrappers.opm.print_log',
                        lambda text, **kwargs: said.append(text))
    hub_at().update_info('max_epochs', epochs)
    model = build(opm={})
    for _ in range(2):
        modulate(model, rgb=3., flow=1.)
    assert len(said) == warns
    assert not warns or 'warmup_epochs=6 covers all 6' in said[0]


@pytest.mark.parametrize('p_exe', [0., .7, 1.])
def test_one_coin_a_batch(p_exe):
    model = build(opm=dict(warmup_epochs=0, p_exe=p_exe, q_base=1.))
    executed = 0
    for step in range(200):
        hub_at(step=step)
        out, features = modulate(model, rgb=3., flow=1.)
        gone = (out['rgb'] == 0).all().item()
        # All or nothing: without the coin neither dropped nor rescaled.
        assert gone or torch.equal(out['flow'], features['flow'])
        executed += gone
    assert executed / 200 == pytest.approx(p_exe, abs=.1)
    assert p_exe == .7 or executed == 200 * p_exe


def test_a_unimodal_stage_is_not_modulated():
    model = build(head='DecisionHead', opm=ALWAYS)
    bare = build(head='DecisionHead')
    batch, found = batches(1)[0], []
    for each in (model, bare):
        each.enter_stage(['flow'], 'unimodal')
        data = each.data_preprocessor(copy.deepcopy(batch), True)
        found.append(each(**data, mode='loss')['loss_cls_flow'])
    assert torch.equal(*found)
    assert model.last == {}


# ---- draws -------------------------------------------------------------
def test_draws_depend_on_seed_epoch_and_iteration_only():
    scores = dict(rgb=3., flow=1.)

    def masks(epoch=0, step=3, seed=1):
        hub_at(epoch, step, seed)
        torch.rand(7)
        state = torch.get_rng_state()
        out = modulate(build(opm=ALWAYS), 50, **scores)[0]['rgb'][:, 0] == 0
        torch.set_rng_state(state)
        return out

    first = masks()
    assert torch.equal(first, masks())
    for other in (dict(epoch=1), dict(step=4), dict(seed=2)):
        assert not torch.equal(first, masks(**other))


def test_the_global_generator_is_left_alone():
    model = build(opm=ALWAYS)
    state = torch.get_rng_state()
    modulate(model, rgb=3., flow=1.)
    assert torch.equal(state, torch.get_rng_state())


def test_outside_of_a_runner_batches_differ():
    model = build(opm=ALWAYS)
    first, second = (
        modulate(model, 50, rgb=3., flow=1.)[0]['rgb'] for _ in range(2))
    assert not torch.equal(first, second)


# ---- the previous batch's ratio ----------------------------------------
def test_previous_ratios():
    model = build(opm=dict(ALWAYS, ratio_from='previous', q_base=1.,
                           rescale=False))
    hub_at(step=0)
    out, features = modulate(model, rgb=3., flow=1.)
    assert_same(out, features)
    hub_at(step=1)
    out, _ = modulate(model, rgb=1., flow=3.)
    assert (out['rgb'] == 0).all() and (out['flow'] == 1).all()
    assert model.last['ratios']['flow'].item() == pytest.approx(3)
    hub_at(step=2)
    out, _ = modulate(model, rgb=1., flow=3.)
    assert (out['flow'] == 0).all() and (out['rgb'] == 1).all()


def test_previous_ratios_are_watched_during_warmup():
    model = build(opm=dict(warmup_epochs=1, p_exe=1., ratio_from='previous'))
    hub_at(epoch=0, step=3)
    modulate(model, rgb=3., flow=1.)
    hub_at(epoch=1, step=4)
    modulate(model, rgb=1., flow=3.)
    assert model.last['probabilities']['rgb'].item() == pytest.approx(
        .741, abs=1e-3)


def test_previous_ratios_of_a_stage_before_are_forgotten():
    model = build(opm=dict(ALWAYS, ratio_from='previous'))
    hub_at(step=3)
    modulate(model, rgb=3., flow=1.)
    hub_at(step=0)
    modulate(model, rgb=1., flow=3.)
    assert model.last['probabilities']['rgb'].item() == 0


def test_previous_ratios_of_another_run_are_not_taken():
    options = dict(ALWAYS, ratio_from='previous')
    hub_at(step=30)
    modulate(build(opm=options), rgb=3., flow=1.)
    hub_at(step=0)
    model = build(opm=options)
    modulate(model, rgb=3., flow=1.)
    assert model.last['probabilities']['rgb'].item() == 0


def test_logged_means():
    model = build(opm=dict(ALWAYS, log_interval=3))
    hub, seen = hub_at(), []
    for step in range(3):
        hub_at(step=step)
        modulate(model, 10, rgb=step + 2., flow=1.)
        seen.append({k: v['rgb'].item() for k, v in model.last.items()})
    for kind, name in (('ratios', 'ratio'),
                       ('probabilities', 'drop_probability'),
                       ('rates', 'drop_rate')):
        logged = hub.get_scalar(f'train/opm_{name}_rgb').data[0].tolist()
        # The first batch is logged alone, and from then on means.
        assert logged == pytest.approx(
            [seen[0][kind], (seen[1][kind] + seen[2][kind]) / 2])
    assert not [k for k in hub.log_scalars if 'loss' in k]


# ---- errors ------------------------------------------------------------
@pytest.mark.parametrize('options, message', [
    (dict(q_base=1.2), 'q_base'),
    (dict(p_exe=-.1), 'p_exe'),
    (dict(lam=-1.), 'lam'),
    (dict(warmup_epochs=-1), 'warmup_epochs'),
    (dict(ratio_from='next'), "'next'"),
    (dict(log_interval=0), 'log_interval'),
])
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        build(opm=options)


def test_one_modality_has_nobody_to_compare_with():
    with pytest.raises(ValueError, match='rgb'):
        build(('rgb', ), opm=ALWAYS)


def test_wraps_a_built_recognizer():
    recognizer = build(score='zero_out')
    model = MODELS.build(
        dict(type='mmbalance_plugin.OPM', recognizer=recognizer))
    assert model.recognizer is recognizer
    assert recognizer.score_mode == 'zero_out'


@pytest.mark.parametrize('head', ['SumHead', 'MLPHead', 'DecisionHead'])
def test_every_head_trains(head):
    model = build(TRIPLE, head=head, opm=ALWAYS)
    wrapper = ogm(model, generalization_enhancement=True)
    for batch in batches(3, modalities=TRIPLE):
        assert model.train_step(batch, wrapper)['loss'].isfinite()
    assert all(g.isfinite().all() for g in gradients(model).values())
