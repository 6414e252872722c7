"""MMCosineHead: cosines that add up, whatever lengths they are of."""
import pytest
import torch

from mmbalance_plugin.functional import mmcosine_logits, tcmax_loss
from mmbalance_plugin.models.heads import MMCosineHead
from tests.engine import modulation_toy as images
from tests.models.heads.cases import build, features
from tests.models.recognizers import toy


def test_golden():
    head = MMCosineHead(2, dict(a=2, v=2)).double()
    with torch.no_grad():
        head.branches['a'].weight.copy_(torch.tensor([[1., 0.], [0., 2.]]))
        head.branches['v'].weight.copy_(torch.tensor([[1., 1.], [1., -1.]]))
    given = dict(a=torch.tensor([[3., 4.]]), v=torch.tensor([[1., 1.]]))
    given = {m: value.double() for m, value in given.items()}
    expected = torch.tensor([[16., 8.]], dtype=torch.float64)
    torch.testing.assert_close(head(given), expected)
    assert list(head.state_dict()) == ['branches.a.weight',
                                       'branches.v.weight']


@pytest.mark.parametrize('count', [1, 2, 3])
def test_shares_are_the_cosines_and_add_up(count):
    head = build('MMCosineHead', count, scale=4.)
    given = features(count)
    shares = head.unimodal_logits(given)
    torch.testing.assert_close(sum(shares.values()), head(given))
    for name, feature in given.items():
        expected = 4 * torch.cosine_similarity(
            feature[:, None], head.branches[name].weight[None], dim=2)
        torch.testing.assert_close(shares[name], expected)
        # No bias: the others' zeros add nothing.
        torch.testing.assert_close(head.zero_out_logits(given)[name],
                                   shares[name])


def test_lengths_do_not_count_in_training_nor_in_testing():
    head = build('MMCosineHead')
    given = features()
    logits = head(given)
    with torch.no_grad():
        head.branches['rgb'].weight *= 7
    longer = dict(given, rgb=100 * given['rgb'], flow=.01 * given['flow'])
    for mode in (True, False):
        torch.testing.assert_close(head.train(mode)(longer), logits)


def test_what_a_sample_lacks_adds_nothing():
    head = build('MMCosineHead')
    given = features()
    there = torch.tensor([True, False, True, False, False])
    fused = head.fused_logits(given, dict(rgb=there))
    shares = head.unimodal_logits(given)
    torch.testing.assert_close(
        fused, shares['flow'] + there[:, None] * shares['rgb'])


def test_dead_features_have_finite_gradients():
    head = build('MMCosineHead')
    given = {m: torch.zeros_like(f).requires_grad_()
             for m, f in features().items()}
    assert not head(given).any()
    head.criterion(head(given), torch.arange(5)).backward()
    assert all(f.grad.isfinite().all() for f in given.values())
    assert head.branches['rgb'].weight.grad.isfinite().all()


def test_scale_must_be_positive():
    with pytest.raises(ValueError, match='scale'):
        build('MMCosineHead', scale=0.)


def test_scores_and_tcmax_find_the_exact_split():
    model = toy.build(head='MMCosineHead', objective=[
        dict(type='mmbalance_plugin.TCMaxLoss')]).train()
    reader = model.score_reader('test')
    inputs, samples = toy.batch()
    truth = toy.targets()
    loss = model.loss(inputs, samples)['loss_tcmax']
    shares = {
        m: mmcosine_logits(f, model.head.branches[m].weight, 10.)
        for m, f in model.extract_feat(inputs).items()
    }
    torch.testing.assert_close(loss, tcmax_loss(shares, truth))
    expected = {m: z.softmax(1).gather(1, truth[:, None]).sum()
                for m, z in shares.items()}
    torch.testing.assert_close(reader.read()[0], expected)


def test_ogm_and_accumulation_take_it_as_any_head():
    def trained(parts):
        model = images.build(head='MMCosineHead')
        wrapper = images.ogm(model, accumulative_counts=parts)
        for data in images.batches(3, size=16):
            for part in images.split(data, parts):
                model.train_step(part, wrapper)
        assert wrapper.method.last['ratios']['rgb'] > 1
        return images.weights(model)

    images.assert_close(trained(1), trained(2))


def test_under_amp_lengths_are_float32():
    head = build('MMCosineHead')
    # Squares of these are not finite in float16.
    given = {m: (1000 * f).half() for m, f in features().items()}
    expected = head({m: f.float() for m, f in given.items()})
    with torch.autocast('cpu', torch.float16):
        found = head(given)
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=.02)
