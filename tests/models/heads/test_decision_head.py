"""DecisionHead: combination, joint objective and fitted weights."""
import copy

import pytest
import torch

from mmbalance_plugin.functional import fit_pool_weights, fit_temperature
from tests.models.heads.cases import build, features

RULES = ['mean', 'sum_logits', 'sum_log_probs', 'fitted', 'calibrated']


@pytest.mark.parametrize('combine', RULES)
@pytest.mark.parametrize('count', [1, 3])
def test_fused_probabilities(combine, count):
    head = build('DecisionHead', count, combine=combine)
    given = features(count)
    alone = head.unimodal_logits(given)
    probs = torch.stack([z.softmax(1) for z in alone.values()])
    if combine in ('mean', 'fitted'):
        expected = probs.mean(0)
    else:
        expected = probs.prod(0) / probs.prod(0).sum(1, keepdim=True)
    fused = head(given)
    torch.testing.assert_close(fused.exp(), expected)
    torch.testing.assert_close(fused.softmax(1), expected)
    torch.testing.assert_close(head.fuse(alone), fused)


@pytest.mark.parametrize('combine', RULES)
def test_joint_objective_is_the_nll_of_the_fused_probability(combine):
    head = build('DecisionHead', combine=combine)
    given, targets = features(), torch.tensor([0, 1, 2, 3, 6])
    probs = head(given).exp()[torch.arange(5), targets]
    torch.testing.assert_close(
        head.criterion(head(given), targets), -probs.log().mean())


def test_branches_speak_for_themselves():
    head = build('DecisionHead')
    given = features()
    alone = head.unimodal_logits(given)
    for name, feature in given.items():
        assert torch.equal(alone[name], head.branches[name](feature))
    assert not head.linear


@pytest.mark.parametrize('pool', ['probs', 'log_probs'])
def test_fitted_weights_live_in_the_checkpoint(pool):
    head = build('DecisionHead', combine='fitted', pool=pool)
    assert head.needs_fit
    given = features(batch=40)
    alone = head.unimodal_logits(given)
    targets = (8 * alone['flow'] + alone['rgb']).argmax(1)
    before = head.criterion(head(given), targets)
    # The order in which a caller collects them must not matter.
    head.fit(dict(reversed(list(alone.items()))), targets)
    expected = fit_pool_weights(alone, targets, pool)
    torch.testing.assert_close(head.weights.double(), expected, atol=1e-4,
                               rtol=0)
    assert head.weights[1] > .6
    assert head.criterion(head(given), targets) < before
    other = build('DecisionHead', combine='fitted', pool=pool)
    other.load_state_dict(head.state_dict())
    assert torch.equal(other(given), head(given))


def test_temperatures_belong_to_branches_and_live_in_the_checkpoint():
    head = build('DecisionHead', combine='calibrated')
    given = features(batch=12)
    alone = {m: z.detach() for m, z in head.unimodal_logits(given).items()}
    targets = torch.arange(12) % 7
    there = dict(flow=torch.arange(12) < 8)
    head.fit(dict(reversed(list(alone.items()))), targets, there)
    expected = dict(
        rgb=fit_temperature(alone['rgb'], targets),
        flow=fit_temperature(alone['flow'][:8], targets[:8]))
    torch.testing.assert_close(
        head.temperatures,
        torch.tensor([expected[m] for m in head.modalities]))
    fused = sum((alone[m] / expected[m]).log_softmax(1) for m in expected)
    torch.testing.assert_close(head(given), fused.log_softmax(1))
    # What no sample has stays as it is, and costs nobody the run.
    before = head.temperatures.clone()
    head.fit(alone, targets, dict(flow=torch.zeros(12, dtype=torch.bool)))
    assert torch.equal(head.temperatures, before)
    other = build('DecisionHead', combine='calibrated')
    other.load_state_dict(head.state_dict())
    assert torch.equal(other(given), head(given))


def test_other_rules_have_nothing_to_fit():
    head = build('DecisionHead')
    assert not head.needs_fit
    assert 'weights' not in head.state_dict()
    with pytest.raises(ValueError, match='nothing to fit'):
        head.fit({}, torch.zeros(0))


@pytest.mark.parametrize('wrong', [dict(combine='max'), dict(pool='logits')])
def test_unknown_options(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        build('DecisionHead', **wrong)


def test_weights_are_fitted_on_samples_that_have_everything():
    head = build('DecisionHead', combine='fitted')
    twin = copy.deepcopy(head)
    given = head.unimodal_logits(features(batch=12))
    given = {m: z.detach() for m, z in given.items()}
    targets = torch.arange(12) % 7
    there = dict(flow=torch.arange(12) < 8)
    head.fit(given, targets, there)
    twin.fit({m: z[:8] for m, z in given.items()}, targets[:8])
    assert torch.equal(head.weights, twin.weights)
    head.fit(given, targets, dict(rgb=torch.zeros(12, dtype=torch.bool)))
    assert torch.equal(head.weights, twin.weights)


def several(combine, **kwargs):
    return build('DecisionHead', combine=combine, classes=3, multi_class=True,
                 **kwargs)


@pytest.mark.parametrize('combine, expected', [
    ('sum_logits', lambda a, b: a + b),
    ('sum_log_probs', lambda a, b: a + b),
    ('mean', lambda a, b: ((a.sigmoid() + b.sigmoid()) / 2).logit()),
    ('fitted', lambda a, b: ((a.sigmoid() + b.sigmoid()) / 2).logit()),
    ('calibrated', lambda a, b: a + b),
])
def test_each_of_several_labels_is_combined_by_itself(combine, expected):
    head = several(combine)
    given = features()
    alone = head.unimodal_logits(given)
    odds = head(given)
    torch.testing.assert_close(odds, expected(*alone.values()))
    targets = torch.tensor([[0., 1., 1.]] * 5)
    torch.testing.assert_close(
        head.criterion(odds, targets),
        torch.nn.functional.binary_cross_entropy(odds.sigmoid(), targets))
    torch.testing.assert_close(head.probabilities(odds), odds.sigmoid())


def test_what_is_fitted_fits_all_labels():
    generator = torch.Generator().manual_seed(0)
    targets = (torch.rand(400, 3, generator=generator) < .3).float()
    noise = torch.randn(2, 400, 3, generator=generator)
    sign = 2 * targets - 1
    logits = dict(rgb=4 * sign + noise[0], flow=sign + 3 * noise[1])
    there = torch.arange(400) % 2 == 0
    head = several('fitted')
    head.fit(logits, targets, dict(flow=there))
    assert head.weights[0] > .95  # which knows nearly everything
    head = several('calibrated')
    head.fit(logits, targets, dict(flow=there))
    logits, targets = logits['flow'][there], targets[there]
    grid = torch.linspace(-3, 3, 601).exp()
    losses = [torch.nn.functional.binary_cross_entropy_with_logits(
        logits / t, targets) for t in grid]
    best = grid[torch.stack(losses).argmin()]
    assert head.temperatures[1] == pytest.approx(best.item(), rel=.02)
