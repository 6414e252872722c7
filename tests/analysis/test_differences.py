"""Errors and verdicts of differences, on data whose truth is known."""
import numpy as np
import pytest
from scipy import stats

from mmbalance_plugin.analysis.differences import (
    Paired,
    cluster_sums,
    difference,
    holm_levels,
    verdict,
)
from mmbalance_plugin.analysis.measures import MEASURES

TOP1 = MEASURES['acc/top1']


def parts(hits):
    """Of accuracy: (seeds, samples, 2)."""
    return np.stack([hits, np.ones_like(hits)], axis=-1).astype(float)


def draw(generator, gain, seeds=4, samples=150, seed_effect=.02):
    """Hits of two methods that share what makes samples hard."""
    ease = generator.normal(.8, .5, samples)
    noise = generator.normal(0, .4, (2, seeds, samples))
    effect = generator.normal(0, seed_effect, (2, seeds, 1))
    hits = ease + noise + effect + np.array([gain, 0])[:, None, None] > .5
    return Paired(parts(hits[0]), parts(hits[1]))


def truth(gain):
    many = draw(np.random.default_rng(1), gain, 200, 20_000)
    return float((many.method - many.baseline)[..., 0].mean())


@pytest.mark.parametrize('gain', [0., .15])
def test_intervals_hold_the_truth_as_often_as_they_say(gain):
    generator = np.random.default_rng(0)
    true, inside = truth(gain), 0
    for _ in range(300):
        low, high = difference([draw(generator, gain)], TOP1).interval(.9)
        inside += low <= true <= high
    # Three standard errors of 300 draws; a little wide is allowed.
    assert .848 <= inside / 300 <= .975


def test_a_gain_helps_and_none_is_noise():
    generator = np.random.default_rng(2)
    said = {gain: [verdict(*difference([draw(generator, gain, 5, 400)], TOP1)
                           .interval(.95), 1) for _ in range(60)]
            for gain in (0., .5, -.5)}
    assert said[.5].count('helps') >= 55
    assert said[-.5].count('hurts') >= 55
    assert said[0.].count('within noise') >= 53


def test_error_is_that_of_a_bootstrap_of_samples_and_of_the_seeds_spread():
    pair = draw(np.random.default_rng(3), .1, 4, 80, seed_effect=.2)
    each = (pair.method - pair.baseline)[..., 0]
    library = stats.bootstrap(
        (each.mean(axis=0), ), np.mean, n_resamples=4000,
        method='percentile', rng=np.random.default_rng(0)).standard_error
    # Analysis of variance in two ways, without repetition.
    alone = each - each.mean(axis=0) - each.mean(axis=1, keepdims=True)
    both = (alone + each.mean()).var() * 4 * 80 / (3 * 79) / (4 * 80)
    by_seed = each.mean(axis=1).var(ddof=1) / 4 - both
    assert by_seed > 0
    expected = np.sqrt(library**2 * 80 / 79 + by_seed)
    found = difference([pair], TOP1)
    assert found.error == pytest.approx(expected, rel=.05)
    assert found.estimate == pytest.approx(each.mean())
    # Satterthwaite's, with all of the seeds' spread.
    samples, spread = library**2 * 80 / 79, by_seed + both
    assert found.freedom == pytest.approx(expected**4 / (
        samples**2 / 79 + min(spread, expected**2)**2 / 3), rel=.05)


def test_copies_of_samples_are_no_evidence():
    pair = draw(np.random.default_rng(4), .1, 1, 60)
    pair = Paired(*(np.repeat(p, 4, axis=0) for p in pair[:2]))
    copied = [np.repeat(p, 9, axis=1) for p in pair[:2]]
    source = np.repeat(np.arange(60), 9)
    naive = difference([Paired(*copied)], TOP1)
    clustered = difference([Paired(*(
        np.stack([cluster_sums(rows, source) for rows in p])
        for p in copied))], TOP1)
    assert clustered.error == pytest.approx(
        difference([pair], TOP1).error, rel=1e-9)
    assert clustered.error == pytest.approx(3 * naive.error, rel=.1)


def test_folds_are_averaged_and_many_of_them_bring_their_own_spread():
    generator = np.random.default_rng(5)
    folds = [draw(generator, gain) for gain in (-1, -.5, 0, .5, 1)]
    four, five = (difference(folds[:n], TOP1) for n in (4, 5))
    means = [difference([fold], TOP1).estimate for fold in folds]
    assert five.estimate == pytest.approx(np.mean(means))
    assert five.error == pytest.approx(stats.sem(means))
    assert five.freedom == 4 and five.runs == 20
    errors = [difference([fold], TOP1).error for fold in folds[:4]]
    assert four.error == pytest.approx(np.linalg.norm(errors) / 4)


def test_folds_of_the_same_sources_are_no_evidence_of_their_own():
    """As where windows of one recording are tested in each fold."""
    whole = draw(np.random.default_rng(7), .1, 1, 180)
    gains = (whole.method - whole.baseline)[0, :, 0]

    def fold(rows, sources=None):
        return Paired(*(np.repeat(p[:, rows], 4, axis=0) for p in whole[:2]),
                      sources)

    first = np.arange(60)
    once, apart = (difference([fold(first)] * n, TOP1) for n in (1, 5))
    assert apart.error == pytest.approx(once.error / 5**.5)
    same = difference([fold(first, first)] * 5, TOP1)
    assert (same.error, same.freedom) == pytest.approx(
        (once.error, once.freedom))
    # Each fold with sources of its own is what it was.
    own = [fold(first, first + 60 * k) for k in range(5)]
    assert difference(own, TOP1) == pytest.approx(apart)
    # Half of them shared with the next fold: by the sources' influence.
    rows = [first + 30 * k for k in range(5)]
    influence = np.zeros(180)
    for r in rows:
        influence[r] += (gains[r] - gains[r].mean()) / 60 / 5
    found = difference([fold(r, r) for r in rows], TOP1)
    assert found.error == pytest.approx(np.linalg.norm(influence), rel=.1)
    # Folds of two sources: resamples without any of them say nothing.
    few = [fold(r[:2] if r[0] else r, r[:2] if r[0] else r) for r in rows]
    assert np.isfinite(difference(few, TOP1).error)


def test_two_seeds_say_nothing_and_the_same_model_is_no_difference():
    for seeds, said in ((1, True), (2, True), (3, False)):
        pair = draw(np.random.default_rng(6), .1, seeds)
        low, high = difference([pair], TOP1).interval(.95)
        assert (verdict(low, high, 1) == 'too few seeds') == said
    pair = draw(np.random.default_rng(6), .1)
    same = difference([Paired(pair.method, pair.method)], TOP1)
    assert (same.estimate, same.error, same.p) == (0, 0, 1)
    assert verdict(*same.interval(.95), 1) == 'within noise'


def test_holm():
    # 0.01 <= 0.05 / 4 and 0.015 <= 0.05 / 3, but 0.03 > 0.05 / 2.
    levels = holm_levels([.03, .01, .04, .015])
    assert levels == pytest.approx([1 - .05 / 2, 1 - .05 / 4, 1 - .05 / 2,
                                    1 - .05 / 3])
    # Unknown ones count, and are never rejected.
    assert holm_levels([.02, np.nan]) == pytest.approx([.975, .95])


def test_less_is_better_where_it_is():
    assert verdict(.1, .2, -1) == 'hurts' == verdict(-.2, -.1, 1)
    assert verdict(-.2, -.1, -1) == 'helps' == verdict(.1, .2, 1)
