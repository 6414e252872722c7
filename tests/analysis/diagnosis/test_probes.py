"""What probes say where the answer is known."""
import numpy as np
import pytest
import torch
from mmengine.runner import Runner

import mmbalance_plugin.registry  # noqa: F401
from mmbalance_plugin.analysis.diagnosis import probes
from mmbalance_plugin.analysis.diagnosis.intervals import Judge
from mmbalance_plugin.apis.building import build_recognizer
from mmbalance_plugin.engine.features import FeatureBank
from mmbalance_plugin.functional import shapley_values
from tests.analysis.diagnosis.constructed import config


def model_and_loaders(**changes):
    cfg = config('small', 'seen')
    cfg.merge_from_dict(changes)
    torch.manual_seed(0)
    model = build_recognizer(cfg)
    model.init_weights()
    return model.eval(), *(Runner.build_dataloader(
        cfg[f'{split}_dataloader'], 0) for split in ('train', 'val'))


def bank(features, targets):
    return FeatureBank(dict(one=features), {}, targets, None)


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
    assert Judge().mean(right, right) == [0, 0, 0]
    # Samples that come in tens of one source tell a tenth.
    same = np.repeat(right[:1, :40], 10, axis=1)
    wide = Judge(np.repeat(np.arange(40), 10)).mean(same)
    narrow = Judge().mean(same)
    assert wide[2] - wide[1] > 2 * (narrow[2] - narrow[1])


def test_one_seed_and_a_given_model_have_the_samples_chance_only():
    rng = np.random.default_rng(1)
    right = (rng.random((1, 500)) < .7).astype(float)
    estimate, low, high = Judge().mean(right)
    assert high - low == pytest.approx(2 * 1.965 * (.21 / 500)**.5, rel=.1)
    # One model against three seeds.
    three = (rng.random((3, 500)) < .7).astype(float)
    difference = Judge().mean(three, right)
    assert difference[0] == pytest.approx(three.mean() - right.mean())


def test_samples_without_a_value_are_left_out():
    values = np.array([[1., 0., np.nan, 1.]])
    assert Judge().mean(values)[0] == pytest.approx(2 / 3)
