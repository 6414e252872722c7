"""What probes say where the answer is known."""
import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from scipy import stats

import mmbalance_plugin.registry  # noqa: F401
from mmbalance_plugin.analysis.diagnosis import probes
from mmbalance_plugin.analysis.diagnosis.intervals import Judge
from mmbalance_plugin.apis.building import build_recognizer
from mmbalance_plugin.engine.features import FeatureBank
from mmbalance_plugin.functional import shapley_values
from tests.analysis.diagnosis.constructed import config
from tests.engine.test_missing import SOUNDLESS


def model_and_loaders(**changes):
    cfg = config('small', 'seen')
    cfg.merge_from_dict(changes)
    torch.manual_seed(0)
    model = build_recognizer(cfg)
    model.init_weights()
    return model.eval(), *(Runner.build_dataloader(
        cfg[f'{split}_dataloader'], 0) for split in ('train', 'val'))


def bank(features, targets):
    return FeatureBank(dict(one=features), {}, targets, None, {})


def test_the_linear_probe():
    targets = torch.arange(300) % 3
    noise = torch.randn(300, 5, generator=torch.Generator().manual_seed(0))
    apart = torch.cat([torch.eye(3)[targets] + .1 * noise[:, :3], noise], 1)
    found = probes.probe_correct(bank(apart[:200], targets[:200]),
                                 bank(apart[200:], targets[200:]))
    assert found['one'].all()
    found = probes.probe_correct(bank(noise[:200], targets[:200]),
                                 bank(noise[200:], targets[200:]))
    assert .15 < found['one'].mean() < .55


def test_no_noise_changes_nothing_and_much_noise_does():
    model, train, val = model_and_loaders()
    _, held_out = probes.banks(model, train, val)
    whole = probes.coalition_scores(model, held_out)['one', 'two']
    found = probes.noisy_correct(model, val, held_out, [0., 1000.])
    for m in ('one', 'two'):
        assert (found[m][0.] == whole['accuracy']).all()
        assert (found[m][1000.] != whole['accuracy']).any()


@pytest.mark.parametrize('head', ['ConcatHead', 'MLPHead'])
def test_shares_add_up_to_what_all_reach(head):
    model, train, val = model_and_loaders(
        **{'model.head.type': f'mmbalance_plugin.{head}'})
    scores = probes.coalition_scores(
        model, probes.banks(model, train, val)[1])
    for value in ('accuracy', 'log_likelihood'):
        shares = shapley_values(
            {s: torch.from_numpy(v[value]) for s, v in scores.items()},
            model.modalities)
        torch.testing.assert_close(
            sum(shares.values()), torch.from_numpy(
                scores['one', 'two'][value] - scores[()][value]))


def test_a_loss_agrees_with_itself():
    """Of one modality the fused loss is its own."""
    cfg = config('small', 'seen')
    cfg.model.encoders.pop('two')
    pipeline = cfg.train_dataloader.dataset.pipeline[0]
    pipeline.inputs = dict(one='one')
    model = build_recognizer(cfg)
    loader = Runner.build_dataloader(cfg.train_dataloader, 0)
    found = probes.gradient_cosines(model, loader, 2)
    assert found == {'one: fused, own': pytest.approx([1., 1.])}


def test_losses_of_two_meet_in_what_they_share():
    model, train, _ = model_and_loaders()
    found = probes.gradient_cosines(model, train, 2)
    assert {n: len(v) for n, v in found.items()} == {
        'one: fused, own': 2, 'two: fused, own': 2, 'one, two: shared': 2}
    assert all(-1 <= c <= 1 for values in found.values() for c in values)


def test_frozen_encoders_have_no_gradients_to_compare():
    model, train, _ = model_and_loaders()
    some, whole = model.encoders['one'], model.encoders['two']
    whole.requires_grad_(False)
    next(some.parameters()).requires_grad_(False)
    found = probes.gradient_cosines(model, train, 1)
    assert set(found) == {'one: fused, own', 'one, two: shared'}


def test_a_mean_and_its_interval():
    rng = np.random.default_rng(0)
    right = (rng.random((5, 400)) < .8).astype(float)
    estimate, low, high = Judge().mean(right)
    assert estimate == pytest.approx(right.mean())
    # The same models on other samples: between one and five times 400.
    assert 1.96 * (.16 / 2000)**.5 < high - estimate < 2.2 * (.16 / 400)**.5
    # Of so many, a rate and a gain have the same interval.
    assert Judge().rate(right) == pytest.approx([estimate, low, high],
                                                abs=.003)
    assert Judge().gain(right, 0 * right) == pytest.approx(
        [estimate, low, high], abs=.003)
    # Samples that come in tens of one source tell a tenth.
    same = np.repeat(right[:1, :40], 10, axis=1)
    wide = Judge(np.repeat(np.arange(40), 10)).rate(same)
    narrow = Judge().rate(same)
    assert wide[2] - wide[1] > 2 * (narrow[2] - narrow[1])


def test_one_seed_and_a_given_model_have_the_samples_chance_only():
    rng = np.random.default_rng(1)
    right = (rng.random((1, 500)) < .7).astype(float)
    estimate, low, high = Judge().mean(right)
    assert high - low == pytest.approx(2 * 1.965 * (.21 / 500)**.5, rel=.1)
    # One model against three seeds.
    three = (rng.random((3, 500)) < .7).astype(float)
    difference = Judge().gain(three, right)
    assert difference[0] == pytest.approx(three.mean() - right.mean())


@pytest.mark.parametrize('count', [20, 60])
def test_a_rate_is_covered(count):
    """Of every number that may be right, weighed by its probability."""
    found = np.array([Judge().rate(np.arange(count)[None] < k)
                      for k in range(count + 1)])
    assert (found[:, 1:] >= 0).all() and (found[:, 1:] <= 1).all()
    # Where all are right, not all need be.
    assert found[-1, 1] < 1 - 2 / count
    assert found[-1, 2] == pytest.approx(1)
    covered = []
    for p in np.linspace(.02, .98, 97):
        weights = stats.binom.pmf(np.arange(count + 1), count, p)
        covered.append(weights[(found[:, 1] <= p) & (p <= found[:, 2])].sum())
    assert min(covered) > .91 and .94 < np.mean(covered) < .985


@pytest.mark.parametrize('more, less', [(.05, .05), (.15, .02), (0., .04)])
def test_a_gain_is_covered(more, less):
    """Of every number of samples that only one of two has right."""
    count, covered, total = 40, 0., 0.
    for one in range(20):
        for other in range(20):
            weight = stats.multinomial.pmf(
                [one, other, count - one - other], count,
                [more, less, 1 - more - less])
            if weight > 1e-4:
                place = np.arange(count)[None]
                _, low, high = Judge().gain(
                    place < one, (one <= place) & (place < one + other))
                total += weight
                covered += weight * (low <= more - less <= high)
    assert total > .98 and covered / total > .94


def test_samples_none_of_which_differs_prove_little():
    same = np.ones((5, 50))
    for judge in (Judge(), Judge(np.arange(50) // 5)):
        assert judge.gain(same, same) == pytest.approx([0, -.0377, .0377],
                                                       abs=.003)


def test_samples_without_a_value_are_left_out():
    values = np.array([[1., 0., np.nan, 1.]])
    assert Judge().mean(values)[0] == pytest.approx(2 / 3)
    assert Judge().rate(values)[0] == pytest.approx(2 / 3)


def test_samples_that_lack_a_modality():
    """They count for what they have, and for nothing else."""
    cfg = config('small', 'seen')
    for split in ('train', 'val'):
        cfg[f'{split}_dataloader'].dataset.pipeline.insert(
            0, dict(type='LackTest'))
        cfg[f'{split}_dataloader'].collate_fn = dict(type='pseudo_collate')
    torch.manual_seed(0)
    model = build_recognizer(cfg).eval()
    train, val = (Runner.build_dataloader(cfg[f'{s}_dataloader'], 0)
                  for s in ('train', 'val'))
    known, held_out = probes.banks(model, train, val)
    numbers = np.arange(50) % 10
    lacks = np.isin(numbers, SOUNDLESS)
    assert (held_out.present['one'].numpy() == ~lacks).all()

    found = probes.probe_correct(known, held_out)
    assert (np.isnan(found['one']) == lacks).all()
    assert not np.isnan(found['two']).any()
    # As if they had never been there.
    kept, new = known.present['one'], held_out.present['one']
    alone = probes.probe_correct(
        bank(known.features['one'][kept], known.targets[kept]),
        bank(held_out.features['one'][new], held_out.targets[new]))
    assert (alone['one'] == found['one'][~lacks]).all()

    scores = probes.coalition_scores(model, held_out)
    for value in ('accuracy', 'log_likelihood'):
        with_it, without = (scores[s][value] for s in (('one', 'two'),
                                                       ('two', )))
        assert (with_it[lacks] == without[lacks]).all()
        only, none = (scores[s][value] for s in (('one', ), ()))
        assert (only[lacks] == none[lacks]).all()
    assert (scores['one', 'two']['log_likelihood'] != scores[
        'two', ]['log_likelihood'])[~lacks].all()
    assert (probes.noisy_correct(model, val, held_out, [0.])['one'][0.]
            == scores['one', 'two']['accuracy']).all()
    assert all(-1 <= c <= 1 for values in probes.gradient_cosines(
        model, train, 2).values() for c in values)
