import math

import pytest
import torch
from mmengine.logging import MessageHub

from mmbalance_plugin.engine.gradients import GeneralizationEnhancement
from tests.engine.modulation_toy import (
    assert_same,
    backward,
    batches,
    build,
    gradients,
    ogm,
)

CONV = 'encoders.{}.backbone.stages.1.conv.weight'


def enhance(ge=None, seed=1, update=0, ahead='rgb', rho=2.):
    """What one update adds, beyond k g, and the gradients before it."""
    MessageHub.get_current_instance().update_info('seed', seed)
    model = build()
    wrapper = ogm(
        model,
        alpha=.3,
        lr=0.,
        generalization_enhancement=True if ge is None else ge)
    wrapper._inner_count = update
    backward(model, batches(1)[0], wrapper)
    behind = 'flow' if ahead == 'rgb' else 'rgb'
    reader = model.score_readers['OGM']
    reader.read()
    reader.add({ahead: torch.tensor(rho), behind: torch.tensor(1.)},
               {ahead: 8, behind: 8})
    before = gradients(model)
    wrapper.step()
    after, last = gradients(model), wrapper.method.last
    added = {}
    for name in before:
        owner = [m for m in model.modalities if f'encoders.{m}.' in name]
        k = last['coefficients'][owner[0]] if owner and \
            before[name].dim() > 1 else 1
        added[name] = after[name] - before[name] * k
    return added, before, last


def test_only_encoder_weights_get_noise():
    added, before, _ = enhance()
    noisy = {n for n, value in added.items() if value.abs().max() > 0}
    assert noisy == {
        n
        for n in before if n.startswith('encoders') and before[n].dim() > 1
    }


@pytest.mark.parametrize('ahead', ['rgb', 'flow'])
def test_by_default_every_modality_gets_noise_of_its_unmodulated_spread(
        ahead):
    # Pooled over seeds and tensors: ratio of spreads is 1 within 3 sigma.
    scores = []
    for seed in range(4):
        added, before, last = enhance(seed=seed, ahead=ahead)
        assert last['coefficients'][ahead] < .5
        for m in ('rgb', 'flow'):
            name = CONV.format(m)
            scores.append(added[name].flatten() / before[name].std())
    scores = torch.cat(scores)
    assert scores.numel() == 4 * 2 * 216
    assert abs(scores.mean().item()) < 3 / math.sqrt(scores.numel())
    assert scores.var().item() == pytest.approx(
        1, abs=3 * math.sqrt(2 / scores.numel()))


def test_only_modulated():
    added, _, last = enhance(dict(scope='modulated'))
    assert added[CONV.format('rgb')].abs().max() > 0
    assert added[CONV.format('flow')].abs().max() == 0
    assert last['coefficients']['flow'] == 1


def test_scale_and_distribution():
    reference = enhance()[0][CONV.format('rgb')]
    twice = enhance(dict(scale=2.))[0][CONV.format('rgb')]
    torch.testing.assert_close(twice, 2 * reference, rtol=1e-3, atol=1e-7)
    none = enhance(dict(scale=0.))[0][CONV.format('rgb')]
    assert none.abs().max() < 1e-7
    signs, before, _ = enhance(dict(distribution='rademacher'))
    name = CONV.format('rgb')
    torch.testing.assert_close(
        signs[name].abs(),
        before[name].std().expand_as(signs[name]),
        rtol=1e-3,
        atol=1e-7)
    added, before, _ = enhance(dict(distribution='uniform'))
    bound = math.sqrt(3) * before[name].std()
    assert added[name].abs().max() <= bound * 1.001
    assert added[name].abs().max() > bound * .9


def test_lost_spread_only():
    plain, _, last = enhance()
    lost, *_ = enhance(dict(std='lost'))
    k = last['coefficients']['rgb']
    name = CONV.format('rgb')
    torch.testing.assert_close(
        lost[name], plain[name] * (1 - k**2).sqrt(), rtol=1e-3, atol=1e-7)
    assert lost[CONV.format('flow')].abs().max() == 0


def test_noise_depends_on_seed_and_update_and_modality_only():
    first = enhance()[0]
    torch.manual_seed(99)
    assert_same(first, enhance()[0])
    name = CONV.format('rgb')
    assert not torch.allclose(first[name], enhance(seed=2)[0][name])
    assert not torch.allclose(first[name], enhance(update=1)[0][name])
    other = first[CONV.format('flow')]
    assert abs(
        torch.corrcoef(torch.stack([first[name].flatten(),
                                    other.flatten()]))[0, 1]) < .3


def test_the_global_generator_is_left_alone():
    model = build()
    wrapper = ogm(model, generalization_enhancement=True)
    backward(model, batches(1)[0], wrapper)
    state = torch.get_rng_state()
    wrapper.step()
    assert torch.equal(state, torch.get_rng_state())


def test_options_from_a_config():
    assert GeneralizationEnhancement.from_cfg(False) is None
    assert GeneralizationEnhancement.from_cfg(None) is None
    assert GeneralizationEnhancement.from_cfg(
        True) == GeneralizationEnhancement('all', 'gradient', 1., 'normal')
    assert GeneralizationEnhancement.from_cfg({}).scope == 'all'


def test_a_weight_of_one_entry():
    model = build()
    conv = model.encoders['rgb'].backbone.stages[0].conv
    conv.weight = torch.nn.Parameter(torch.ones(1, 1, 1, 1))
    wrapper = ogm(model, generalization_enhancement=True)
    grad = torch.full((1, 1, 1, 1), .5)
    stds = wrapper.method.enhancement.spreads(
        [grad, torch.randn(5, 5)], torch.tensor(.5))
    assert stds[0].item() == pytest.approx(1e-8) and stds[1] > .5
