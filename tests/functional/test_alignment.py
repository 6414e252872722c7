import math

import pytest
import torch
from torch import nn

from mmbalance_plugin.functional import (
    alignment_weights,
    gradient_alignments,
    weights_from_alignments,
)


def values(result):
    return {name: value.item() for name, value in result.items()}


TASK = torch.tensor([2., -1., 0.])
CON = torch.tensor([1., 1., 5.])  # <task, con> = 1
COM = torch.tensor([3., 3., -1.])  # <task, com> = 3
AGAINST = torch.tensor([-1., 0., 9.])  # <task, against> = -2


def test_inner_products_by_hand():
    result = gradient_alignments(TASK, dict(a=CON, b=COM, c=AGAINST))
    assert values(result) == dict(a=1., b=3., c=-2.)


def test_cosines_by_hand():
    result = gradient_alignments(TASK, dict(a=CON, c=AGAINST), 'cosine')
    assert result['a'].item() == pytest.approx(1 / math.sqrt(5 * 27))
    assert result['c'].item() == pytest.approx(-2 / math.sqrt(5 * 82))


def test_weights_by_hand():
    assert values(alignment_weights(TASK, dict(con=CON, com=COM))) == dict(
        con=.25, com=.75)


def test_an_opposed_loss_weighs_nothing():
    weights = alignment_weights(TASK, dict(con=CON, com=COM, off=AGAINST))
    assert values(weights) == dict(con=.25, com=.75, off=0.)


@pytest.mark.parametrize('similarity', ['inner', 'cosine'])
def test_none_positive_gives_exact_zeros(similarity):
    orthogonal = torch.tensor([1., 2., 0.])
    weights = alignment_weights(
        TASK, dict(a=AGAINST, b=-COM, c=orthogonal, d=torch.zeros(3)),
        similarity)
    assert values(weights) == dict(a=0., b=0., c=0., d=0.)


def test_a_scale_shifts_inner_weights_and_not_cosine_weights():
    aux = dict(con=CON, com=COM)
    scaled = dict(con=3 * CON, com=COM)
    assert values(alignment_weights(TASK, scaled)) == dict(con=.5, com=.5)
    before = alignment_weights(TASK, aux, 'cosine')
    after = alignment_weights(TASK, scaled, 'cosine')
    assert before['con'].item() == pytest.approx(after['con'].item())
    # Same cosine, so the weights are those of two equal terms.
    twins = alignment_weights(TASK, dict(a=CON, b=7 * CON), 'cosine')
    assert values(twins) == pytest.approx(dict(a=.5, b=.5))


@pytest.mark.parametrize('similarity', ['inner', 'cosine'])
def test_a_list_of_tensors_is_one_long_vector(similarity):
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (3, ), (), (2, 2, 2)]

    def draw():
        return [torch.randn(s, generator=generator) for s in shapes]

    def flat(tensors):
        return torch.cat([t.reshape(-1) for t in tensors])

    task, a, b = draw(), draw(), draw()
    parts = gradient_alignments(task, dict(a=a, b=tuple(b)), similarity)
    whole = gradient_alignments(
        flat(task), dict(a=flat(a), b=flat(b)), similarity)
    assert values(parts) == pytest.approx(values(whole), rel=1e-5)


def test_none_stands_for_zero():
    task = [torch.tensor([1., 2.]), None, torch.tensor([3.])]
    aux = [torch.tensor([1., 1.]), torch.tensor([9.]), None]
    zeros = [torch.tensor([1., 1.]), torch.tensor([9.]), torch.zeros(1)]
    for similarity in ('inner', 'cosine'):
        result = gradient_alignments(task, dict(a=aux, b=zeros), similarity)
        assert result['a'].item() == pytest.approx(result['b'].item())
    cosine = gradient_alignments(task, dict(a=aux), 'cosine')['a'].item()
    assert cosine == pytest.approx(3 / math.sqrt(14 * 83))
    nothing = gradient_alignments(task, dict(a=[None] * 3), 'cosine')
    assert values(nothing) == dict(a=0.)


def test_gradients_of_a_network():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    x, target = torch.randn(6, 4), torch.randint(3, (6, ))
    parameters = list(net.parameters())
    z = net(x)
    losses = dict(
        task=nn.functional.cross_entropy(z, target),
        con=(z - 1).square().mean(),
        com=net[0](x).square().sum())
    grads = {
        name: torch.autograd.grad(
            loss, parameters, retain_graph=True, allow_unused=True)
        for name, loss in losses.items()
    }
    assert None in grads['com']

    def flat(name):
        return torch.cat([(torch.zeros_like(p) if g is None else g).reshape(-1)
                          for g, p in zip(grads[name], parameters)]).double()

    s = {k: max(0., float(flat('task') @ flat(k))) for k in ('con', 'com')}
    expected = {k: v / sum(s.values()) for k, v in s.items()}
    weights = alignment_weights(
        grads['task'], {k: grads[k] for k in ('con', 'com')})
    assert values(weights) == pytest.approx(expected, rel=1e-4)
    assert sum(values(weights).values()) == pytest.approx(1)


@pytest.mark.parametrize('scale', [1e-18, 1e-8, 1e15])
def test_tiny_and_huge_gradients(scale):
    aux = dict(con=CON * scale, com=COM * scale, off=AGAINST * scale)
    inner = alignment_weights(TASK * scale, aux)
    assert values(inner) == pytest.approx(dict(con=.25, com=.75, off=0.))
    cosine = gradient_alignments(TASK * scale, aux, 'cosine')
    assert cosine['con'].item() == pytest.approx(1 / math.sqrt(5 * 27))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_lifted(dtype):
    # 300 * 300 overflows in float16.
    g = torch.full((8, ), 300., dtype=dtype)
    aligned = gradient_alignments(g, dict(a=g))['a']
    assert aligned.dtype == torch.float32
    assert aligned.item() == pytest.approx(8 * 300.**2, rel=1e-2)


def test_nan_is_not_hidden():
    weights = alignment_weights(TASK, dict(a=TASK * math.nan, b=CON))
    assert all(w.isnan() for w in weights.values())


def test_split_into_alignments_and_weights():
    aligned = gradient_alignments(TASK, dict(a=CON, b=COM, c=AGAINST))
    assert values(weights_from_alignments(aligned)) == dict(
        a=.25, b=.75, c=0.)
    assert alignment_weights(TASK, {}) == {}


def test_nothing_is_read_on_the_host():
    g = [torch.ones(3, device='meta'), None]
    for similarity in ('inner', 'cosine'):
        weights = alignment_weights(g, dict(a=g, b=g), similarity)
        assert all(w.is_meta and w.shape == () for w in weights.values())


def test_errors_name_the_gradient():
    with pytest.raises(ValueError, match="'dot'"):
        alignment_weights(TASK, dict(a=CON), 'dot')
    with pytest.raises(ValueError, match="'com' has 1 tensors.* 2"):
        alignment_weights([CON, COM], dict(con=[CON, COM], com=[CON]))
    with pytest.raises(ValueError, match=r"tensor 1 .*'a'.*\(2,\).*\(3,\)"):
        alignment_weights([CON, COM], dict(a=[CON, torch.zeros(2)]))
    with pytest.raises(ValueError, match='g_task is None'):
        alignment_weights([None, None], dict(a=[CON, None]))
