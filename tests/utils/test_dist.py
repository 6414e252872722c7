import torch
from mmengine import dist

from mmbalance_plugin.functional import feature_moments
from mmbalance_plugin.utils.dist import (
    all_reduce_mean_with_grad,
    all_reduce_sum_with_grad,
    broadcast_tensors,
    gather_with_grad,
    global_moments,
)
from tests.dist_utils import run_ranks


def batch(n=11, d=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


SPLIT = (4, 7)  # unequal local batches


def local(whole):
    start = 0 if dist.get_rank() == 0 else SPLIT[0]
    return whole[start:start + SPLIT[dist.get_rank()]].clone()


# ---- without a process group -------------------------------------------
def test_one_process_is_left_alone():
    x = batch().requires_grad_()
    assert all_reduce_sum_with_grad(x) is x
    assert torch.equal(all_reduce_mean_with_grad(x), x)
    assert gather_with_grad(x)[0] is x and gather_with_grad(x)[1] == 0
    broadcast_tensors([x.detach()])


def test_moments_of_one_process_are_the_local_ones():
    x = batch().requires_grad_()
    mean, var, count = global_moments(x)
    torch.testing.assert_close((mean, var), feature_moments(x))
    assert count.item() == 11 and not count.requires_grad
    assert torch.autograd.gradcheck(lambda t: global_moments(t)[:2], x)


# ---- two ranks ---------------------------------------------------------
def _sums():
    rank = dist.get_rank()
    x = torch.tensor([1. + rank, 10. * rank], requires_grad=True)
    kept = x.detach().clone()
    total, mean = all_reduce_sum_with_grad(x), all_reduce_mean_with_grad(x)
    # Each rank weighs its copy differently; the gradient is the sum.
    ((rank + 1) * total.square().sum()).backward()
    assert torch.equal(x.detach(), kept), 'the input was overwritten'
    return total, mean, x.grad


def test_sum_and_mean_with_gradients():
    for total, mean, grad in run_ranks(_sums, 2):
        assert total.tolist() == [3., 10.] and mean.tolist() == [1.5, 5.]
        # d/dx of (1 + 2) * total^2
        assert grad.tolist() == [18., 60.]


def _moments():
    x = local(batch() * 3 + 50).requires_grad_()
    mean, var, count = global_moments(x)
    (mean.sin() + var.sqrt()).sum().backward()
    # What DDP would make of it.
    return mean, var, count, x.grad / dist.get_world_size()


def test_moments_of_unequal_parts_with_gradients():
    x = (batch() * 3 + 50).requires_grad_()
    mean, var = feature_moments(x)
    (mean.sin() + var.sqrt()).sum().backward()
    results = run_ranks(_moments, 2)
    for result in results:
        torch.testing.assert_close(result[:2], (mean, var))
        assert result[2].item() == 11
    torch.testing.assert_close(
        torch.cat([result[3] for result in results]), x.grad)
    assert torch.equal(results[0][1], results[1][1])


def _gather():
    x = local(batch()).requires_grad_()
    whole, start = gather_with_grad(x)
    (whole * torch.arange(11.)[:, None]).sum().backward()
    return whole, start, x.grad


def test_gather_with_gradients():
    first, second = run_ranks(_gather, 2)
    for whole, _, _ in (first, second):
        assert torch.equal(whole, batch())
    assert (first[1], second[1]) == (0, 4)
    weights = torch.arange(11.).double()[:, None].expand(11, 3)
    assert torch.equal(torch.cat([first[2], second[2]]), 2 * weights)


def _broadcast():
    layer = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(layer.weight, dist.get_rank() + 1.)
    step = torch.tensor([dist.get_rank() + 7])
    broadcast_tensors([step, layer.weight], src=1)
    return step, layer.weight


def test_broadcast():
    for step, weight in run_ranks(_broadcast, 2):
        assert step.tolist() == [8]
        assert torch.equal(weight, torch.full((2, 2), 2.))
