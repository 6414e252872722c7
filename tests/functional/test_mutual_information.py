"""Estimators on Gaussians whose mutual information is known."""
import math

import pytest
import torch
from sklearn.feature_selection import mutual_info_regression

from mmbalance_plugin.functional import (
    club_upper_bound,
    feature_mutual_information,
    ksg_mutual_information,
    linear_gaussian,
    mutual_information_weights,
)

ESTIMATORS = ('ksg', 'info_nce', 'club')


def pair(rho, n=2000, d=1, seed=0):
    """x and y whose features have correlation rho, one by one."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def truth(rho, d=1):
    return -d / 2 * math.log(1 - rho**2)


@pytest.mark.parametrize('rho, d', [(0., 1), (.6, 1), (.9, 1), (.8, 2)])
def test_neighbours_find_what_gaussians_share(rho, d):
    found = ksg_mutual_information(*pair(rho, d=d))
    assert found == pytest.approx(truth(rho, d), abs=.06)


def test_one_feature_of_each_is_scikit_learns():
    x, y = (part / part.std(correction=0) for part in pair(.7, n=300))
    expected = mutual_info_regression(
        x.numpy(), y[:, 0].numpy(), n_neighbors=3, random_state=0)
    # It adds noise of 1e-10 to tell equal values apart.
    assert ksg_mutual_information(x, y) == pytest.approx(
        float(expected[0]), abs=1e-6)


def test_neighbours_ignore_what_is_too_little_or_the_same():
    assert ksg_mutual_information(*pair(.9, n=3)) == 0
    same = torch.ones(20, 2)
    assert ksg_mutual_information(same, same) == 0
    with pytest.raises(ValueError, match='as many x as y'):
        ksg_mutual_information(torch.ones(3, 1), torch.ones(4, 1))


def test_info_nce_of_the_best_critic():
    rho, d = .6, 2
    x, y = pair(rho, d=d)
    assert feature_mutual_information(x, y, 'info_nce') == pytest.approx(
        truth(rho, d), abs=.05)
    # By its definition, sample by sample; one feature keeps its scale.
    x, y = (v / v.std(correction=0) for v in pair(rho, n=40))
    x, y = x - x.mean(), y - y.mean()
    slope = (x * y).mean()
    scores = -.5 * (y.T - slope * x).square() / (1 - slope**2)
    slow = torch.stack([
        scores[i, i] - scores[:, i].exp().mean().log() for i in range(40)
    ]).mean()
    assert feature_mutual_information(x, y, 'info_nce') == pytest.approx(
        float(slow))
    # Never above log N, whatever they share.
    x, y = pair(.9999, n=8, d=4)
    assert feature_mutual_information(x, x, 'info_nce') == pytest.approx(
        math.log(8))


def test_the_fitted_gaussian_gives_the_limit_of_club():
    rho, d = .6, 3
    x, y = pair(rho, n=4000, d=d)
    mean, logvar = linear_gaussian(x, y)
    torch.testing.assert_close(mean, rho * x, atol=.1, rtol=0)
    torch.testing.assert_close(
        logvar.exp(), torch.full((1, d), 1 - rho**2, dtype=torch.float64),
        atol=.05, rtol=0)
    bound = float(club_upper_bound(mean, logvar.expand_as(mean), y))
    assert bound == pytest.approx(d * rho**2 / (1 - rho**2), abs=.15)
    assert bound > truth(rho, d)


@pytest.mark.parametrize('estimator', ESTIMATORS)
def test_features_are_compared_whatever_their_number_and_scale(estimator):
    generator = torch.Generator().manual_seed(1)
    found = []
    for rho in (0., .5, .9):
        x, y = pair(rho, n=600, d=2)
        wide = torch.randn(2, 40, generator=generator, dtype=torch.float64)
        x = torch.cat([100 * x @ wide, torch.ones(600, 3)], dim=1)
        found.append(
            feature_mutual_information(x, y, estimator, components=2))
    assert found[0] < .1 and found[0] < found[1] < found[2]
    if estimator != 'club':
        assert found[2] == pytest.approx(truth(.9, 2), abs=.2)
    assert feature_mutual_information(
        torch.ones(50, 4), torch.randn(50, 2), estimator) == 0


def test_an_unknown_estimator_is_refused():
    with pytest.raises(ValueError, match='estimator'):
        feature_mutual_information(*pair(0.), 'guess')


def test_golden_weights():
    f1, information = torch.tensor([.9, .4]), torch.tensor([1., 1.5])
    # exp(2 * .1 + 1) and exp(2 * .6 + 1.5), twice their shares.
    first, second = math.exp(1.2), math.exp(2.7)
    torch.testing.assert_close(
        mutual_information_weights(f1, information, beta=2.),
        torch.tensor([2 * first, 2 * second]) / (first + second))
    assert mutual_information_weights(
        f1, information, 0., 0.).tolist() == [1, 1]
