"""Golden numbers and properties of the methods' small formulas."""
import pytest
import torch

from mmbalance_plugin.functional import (
    agm_coefficients,
    cluster_purity,
    g_blend_weights,
    mimo_loss,
    mla_projection,
    mla_weights,
    mlb_coefficients,
    pmr_coefficients,
    pmr_entropy_weights,
    prototype_log_probs,
    relearning_strength,
)


def named(*values):
    return {
        name: torch.tensor(v, dtype=torch.float64)
        for name, v in zip('abcd', values)
    }


def numbers(coefficients):
    return [float(v) for v in coefficients.values()]


class TestMLB:

    def test_golden(self):
        assert numbers(mlb_coefficients(named(12., 6.), .5, 10)) == (
            pytest.approx([.755081, 5.159054], abs=1e-6))
        assert numbers(mlb_coefficients(named(12., 6., 9.), 2., 2.)) == (
            pytest.approx([.364851, 1.905148, 1], abs=1e-6))

    def test_level_modalities_are_left_alone(self):
        assert numbers(mlb_coefficients(named(10., 10.), .5, 10)) == [1, 1]

    def test_without_strength_it_is_multi_loss(self):
        assert numbers(mlb_coefficients(named(9., 1., 2.), 0., 10)) == [1] * 3

    def test_dead_modality_is_finite(self):
        assert all(
            0 < k <= 10
            for k in numbers(mlb_coefficients(named(9., 0.), 1., 10)))

    def test_refusals(self):
        with pytest.raises(ValueError, match='alpha'):
            mlb_coefficients(named(1., 2.), -1, 2)
        with pytest.raises(ValueError, match='compare'):
            mlb_coefficients(named(1.), 1, 2)


class TestAGM:

    def test_golden(self):
        assert numbers(
            agm_coefficients(named(.5, 1.2), named(.8, 1.), 1.)) == (
                pytest.approx([.452780, 1.380085], abs=1e-6))
        assert numbers(
            agm_coefficients(named(.5, 1.2, .9), named(.8, 1., .9), 1.5)) == (
                pytest.approx([.424379, 1.464137, 1.075898], abs=1e-6))

    def test_as_usual_means_untouched(self):
        same = named(.5, 1.2, .9)
        assert numbers(agm_coefficients(same, same, 2.)) == [1, 1, 1]

    def test_refuses_other_modalities(self):
        with pytest.raises(ValueError, match='running means'):
            agm_coefficients(named(.5, 1.), named(.5), 1.)


class TestPMR:

    def test_golden(self):
        assert numbers(pmr_coefficients(named(1.408787, 1.))) == (
            pytest.approx([0, .408787], abs=1e-6))

    def test_bounded_and_zero_for_the_leader(self):
        assert numbers(pmr_coefficients(named(9., 1., 6.))) == (
            pytest.approx([0, 1, .5]))
        assert numbers(pmr_coefficients(named(3., 0.))) == [0, 1]

    def test_only_the_leader_is_held_back(self):
        assert numbers(pmr_entropy_weights(named(0., .3, .8))) == [.8, 0, 0]
        assert numbers(pmr_entropy_weights(named(0., 0.))) == [0, 0]

    def test_golden_classification_by_prototypes(self):
        double = dict(dtype=torch.float64)
        known = torch.tensor([True, True])
        found = [
            prototype_log_probs(
                torch.tensor(z, **double), torch.tensor(c, **double), known)
            for z, c in (([[.2, 0.], [1.5, .5]], [[0., 0.], [2., 0.]]),
                         ([[.1, .4], [.3, .6]], [[0., 0.], [0., 1.]]))
        ]
        pce = [float(-x.diagonal().mean()) for x in found]
        assert pce == pytest.approx([.266315, .605669], abs=1e-6)
        entropy = [float(-(x.exp() * x).sum(1).mean()) for x in found]
        assert entropy == pytest.approx([.529365, .688941], abs=1e-6)
        scores = [x.exp().diagonal().sum() for x in found]
        assert float(scores[0] / scores[1]) == pytest.approx(
            1.408787, abs=1e-6)

    def test_prototypes_and_features_that_coincide_or_are_not_there(self):
        features = torch.zeros(2, 3, dtype=torch.bfloat16).requires_grad_()
        prototypes = torch.zeros(4, 3)
        for known in ([True, False, True, False], [False] * 4):
            found = prototype_log_probs(features, prototypes,
                                        torch.tensor(known))
            assert found.dtype == torch.float32
            share = 1 / (sum(known) or 4)
            assert found[0, 0].exp().item() == pytest.approx(share)
            found[:, 0].sum().backward()
            assert features.grad.isfinite().all()


class TestMIMO:

    @pytest.mark.parametrize('mu, loss, weights', [
        (.2, 1.903630, [.982014, .017986]),
        (1., 2.271101, [.689974, .310026]),
        (1e6, None, [.5, .5]),
    ])
    def test_golden(self, mu, loss, weights):
        unimodal = {
            m: v.requires_grad_()
            for m, v in named(1.2, .4).items()
        }
        value = mimo_loss(
            torch.tensor(.7, dtype=torch.float64), unimodal, 1., mu)
        value.backward()
        if loss is not None:
            assert value.item() == pytest.approx(loss, abs=1e-6)
        assert [v.grad.item() for v in unimodal.values()
                ] == pytest.approx(weights, abs=1e-6)

    def test_refuses_a_rough_maximum(self):
        with pytest.raises(ValueError, match='mu'):
            mimo_loss(torch.tensor(1.), named(1., 2.), 1., 0.)


class TestMLA:

    def test_golden_projection(self):
        p = mla_projection(
            torch.eye(2, dtype=torch.float64),
            torch.tensor([1., 0.], dtype=torch.float64), .1)
        torch.testing.assert_close(
            p,
            torch.tensor([[.090536, 0], [0, .995893]], dtype=torch.float64),
            atol=1e-6,
            rtol=0)

    def test_what_is_left_along_the_mean_feature(self):
        r = torch.tensor([.6, .8], dtype=torch.float64)
        p = mla_projection(torch.eye(2, dtype=torch.float64), r, .1**1.5)
        # P before its norm: (.651035, -.465286; -.465286, .379618).
        norm = (.651035**2 + 2 * .465286**2 + .379618**2)**.5
        torch.testing.assert_close(
            p @ r * norm,
            torch.tensor([.018392, .024523], dtype=torch.float64),
            atol=1e-6,
            rtol=0)
        assert torch.linalg.matrix_norm(p).item() == pytest.approx(1)

    def test_golden_weights(self):
        weights = mla_weights(
            dict(
                a=torch.tensor([[.7, .2, .1]], dtype=torch.float64),
                b=torch.tensor([[.4, .35, .25]], dtype=torch.float64)))
        assert numbers(weights) == pytest.approx([.569230, .430770], abs=1e-6)

    def test_a_sample_is_weighed_whatever_its_neighbours(self):
        p = torch.softmax(torch.randn(5, 3), 1)
        q = torch.softmax(torch.randn(5, 3), 1)
        whole = mla_weights(dict(a=p, b=q))['a']
        alone = mla_weights(dict(a=p[2:3], b=q[2:3]))['a']
        torch.testing.assert_close(whole[2:3], alone)

    def test_certainty_has_no_logarithm_of_zero(self):
        one_hot = torch.eye(3)[:1]
        weights = mla_weights(dict(a=one_hot, b=torch.full((1, 3), 1 / 3)))
        assert weights['a'].item() == pytest.approx(.75)

    def test_refusals(self):
        with pytest.raises(ValueError, match='positive'):
            mla_projection(torch.eye(2), torch.ones(2), 0.)
        with pytest.raises(ValueError, match='D, D'):
            mla_projection(torch.eye(3), torch.ones(2), .1)


class TestRelearning:

    def test_golden(self):
        gap = torch.tensor([.05, -.12, .5], dtype=torch.float64)
        strength = relearning_strength(gap, 3)
        assert strength.tolist() == pytest.approx(
            [.148885, .345214, .905148], abs=1e-6)
        theta = (1 - strength[1]) * 2 + strength[1] * .5
        assert theta.item() == pytest.approx(1.482179, abs=1e-6)

    def test_golden_purity(self):
        clusters = torch.tensor([0, 0, 0, 1, 2, 2])
        targets = torch.tensor([0, 0, 1, 1, 2, 2])
        assert cluster_purity(clusters, targets) == pytest.approx(.833333,
                                                                  abs=1e-6)
        assert cluster_purity(targets, targets) == 1
        assert cluster_purity(torch.zeros(6), targets) == pytest.approx(1 / 3)

    def test_refuses_what_means_nothing(self):
        with pytest.raises(ValueError, match='lam'):
            relearning_strength(torch.tensor(.1), -1)
        with pytest.raises(ValueError, match='none'):
            cluster_purity(torch.zeros(0), torch.zeros(0))


class TestGBlend:

    def test_golden(self):
        start = dict.fromkeys(('audio', 'video', 'fused'), (1.8, 1.8))
        end = dict(audio=(.9, 1.5), video=(1.2, 1.3), fused=(.6, 1.2))
        assert list(g_blend_weights(start, end).values()) == pytest.approx(
            [.015873, .952381, .031746], abs=1e-6)

    def test_a_head_that_got_worse_weighs_nothing(self):
        start = dict.fromkeys(('audio', 'video', 'fused'), (1., 1.2))
        end = dict(audio=(.5, 1.25), video=(.6, 1.), fused=(.4, 1.1))
        assert list(g_blend_weights(start, end).values()) == pytest.approx(
            [0, .925926, .074074], abs=1e-6)

    def test_nothing_gained_anywhere(self):
        start = dict(a=(1., 1.), b=(1., 1.))
        end = dict(a=(.5, 1.1), b=(.5, 1.))
        assert g_blend_weights(start, end) == dict(a=0., b=0.)

    def test_gain_without_overfitting_is_finite(self):
        weights = g_blend_weights(
            dict(a=(1., 1.), b=(1., 1.)), dict(a=(.5, .5), b=(.5, .9)))
        assert weights['a'] == pytest.approx(1)
        assert sum(weights.values()) == pytest.approx(1)

    def test_refuses_other_heads(self):
        with pytest.raises(ValueError, match='heads'):
            g_blend_weights(dict(a=(1., 1.)), dict(b=(1., 1.)))
