"""Two gloo ranks with parts of a batch against one process with it all."""
import math

import pytest
import torch
from mmengine import dist
from mmengine.model import MMDistributedDataParallel
from torch import nn

from mmbalance_plugin.models.losses import CLUBLoss
from tests.dist_utils import run_ranks

FORMS = {
    'default': dict(),
    # Adam would hide a wrong scale of Q's gradients.
    'sampled': dict(
        variant='sampled', optimizer=dict(type='SGD', lr=.1, momentum=.9)),
    'raw sum': dict(standardize=False, reduction='sum', clamp=False),
    'naive': dict(
        variant='sampled', standardize=False, reduction='sum', clamp=False,
        steps=1),
}
#: Shares of the ranks, step by step.
SPLITS = {'halves': [(8, 8)], 'unequal': [(5, 11), (0, 16), (16, 0)]}


def data(step, n=16):
    generator = torch.Generator().manual_seed(step)
    x, noise = torch.randn(2, n, 6, generator=generator)
    # Parts with different moments, so that local is not global.
    x = x + torch.linspace(-1, 1, n)[:, None]
    return x, (.8 * x + math.sqrt(1 - .64) * noise)[:, :4]


def part(tensor, split):
    start = 0 if dist.get_rank() == 0 else split[0]
    return tensor[start:start + split[dist.get_rank()]]


class Pair(nn.Module):
    """Two encoders with a CLUB term, as a user might write it."""

    def __init__(self, options):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.x = nn.Linear(6, 5)
            self.y = nn.Linear(4, 3)
        self.club = CLUBLoss(5, 3, **options)

    def forward(self, x, y):
        return self.club(self.x(x), self.y(y))

    def encoders(self):
        return [*self.x.parameters(), *self.y.parameters()]


def train(options, split=None, steps=6, wrap=False):
    """Losses, last gradients, weights and Q after some steps."""
    model = Pair(options)
    outer = MMDistributedDataParallel(model) if wrap else model
    optimizer = torch.optim.SGD(model.encoders(), lr=.05)
    values = []
    for step in range(steps):
        x, y = data(step)
        if split is not None:
            share = split[step % len(split)]
            x, y = part(x, share), part(y, share)
        optimizer.zero_grad()
        value = outer(x, y)
        value.backward()
        if split is not None and not wrap:
            for parameter in model.encoders():
                dist.all_reduce(parameter.grad, op='mean')
        optimizer.step()
        values.append(value.detach())
    return dict(
        values=torch.stack(values),
        likelihood=model.club.last['log_likelihood'],
        gradients=[p.grad for p in model.encoders()],
        weights=[p.detach() for p in model.encoders()],
        q=list(model.club.estimator.parameters()),
        seed=model.club._seed,
        report=model.club.end_epoch())


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('split', SPLITS)
def test_follows_one_process_with_the_whole_batch(form, split):
    options = dict(seed=1, **FORMS[form])
    expected = train(options)
    results = run_ranks(train, 2, options, SPLITS[split])
    for result in results:
        for key in ('values', 'likelihood', 'gradients', 'weights', 'q'):
            torch.testing.assert_close(
                result[key], expected[key], rtol=1e-3, atol=2e-5, msg=key)
        assert result['report'] == pytest.approx(
            expected['report'], rel=1e-3, abs=1e-5)
    assert expected['gradients'][2].abs().max() > 1e-4
    assert_bit_equal(*results)


def assert_bit_equal(one, other):
    for key in ('values', 'likelihood', 'gradients', 'weights', 'q'):
        torch.testing.assert_close(
            one[key], other[key], rtol=0, atol=0, msg=key)
    assert one['report'] == other['report']


def test_a_local_bound_is_another_number():
    # The check above would otherwise prove little.
    x, y = data(0)
    loss = CLUBLoss(6, 4, seed=1)
    loss(x, y)
    whole = loss(x, y, update_estimator=False)
    halves = [
        loss(a, b, update_estimator=False)
        for a, b in zip(x.split(8), y.split(8))
    ]
    assert abs(sum(halves) / 2 - whole) > .05 * abs(whole)


def test_inside_a_ddp_model():
    options = dict(seed=1)
    expected = train(options)
    results = run_ranks(train, 2, options, SPLITS['halves'], 6, True)
    for key in ('values', 'weights', 'q'):
        torch.testing.assert_close(
            results[0][key], expected[key], rtol=1e-3, atol=2e-5)
    assert_bit_equal(*results)


def _without_a_seed():
    torch.manual_seed(dist.get_rank())
    return train(dict(variant='sampled'), SPLITS['halves'], 3)


def test_ranks_with_different_seeds_settle_on_one():
    one, other = run_ranks(_without_a_seed, 2)
    assert one['seed'] == other['seed']
    assert_bit_equal(one, other)


def _clamped():
    loss = CLUBLoss(6, 4, seed=1, steps=0)
    with torch.no_grad():
        # mu = -x over most of its range: a prediction against the grain.
        loss.estimator.weights.zero_()
        first, first_bias, last, last_bias = loss.estimator.layers()
        first[0, :6], first_bias[0, :6] = torch.eye(6), 3.
        last[0, :, :4], last_bias[0] = -torch.eye(4), 3.
    x, y = data(0)
    y = part(y, SPLITS['unequal'][0]).clone().requires_grad_()
    value = loss(part(x, SPLITS['unequal'][0]), y)
    value.backward()
    return value, loss.last['estimate'], y.grad


def test_ranks_clamp_together():
    for value, estimate, grad in run_ranks(_clamped, 2):
        assert value.item() == 0. and estimate.item() < 0
        assert not grad.any()


def _collectives():
    loss = CLUBLoss(6, 4, seed=1, steps=5)
    x, y = data(0)
    y = part(y, SPLITS['unequal'][0]).clone().requires_grad_()
    with torch.profiler.profile() as profile:
        value = loss(part(x, SPLITS['unequal'][0]), y)
    with torch.profiler.profile() as backward:
        value.backward()
    return [[event.key for event in run.key_averages()
             if event.key.startswith('c10d::')
             for _ in range(event.count)] for run in (profile, backward)]


def test_collectives_of_a_call():
    # The sizes and the features, whatever the steps of Q; none for the
    # gradient.
    assert run_ranks(_collectives, 2) == [[
        ['c10d::allgather_', 'c10d::allreduce_'], []]] * 2
