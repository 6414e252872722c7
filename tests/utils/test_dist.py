import pytest
import torch
from mmengine import dist

from mmbalance_plugin.utils.dist import (
    all_reduce_sum_with_grad,
    gather_with_grad,
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
    assert gather_with_grad(x) is x


# ---- two ranks ---------------------------------------------------------
def _sums():
    rank = dist.get_rank()
    x = torch.tensor([1. + rank, 10. * rank], requires_grad=True)
    kept = x.detach().clone()
    total = all_reduce_sum_with_grad(x)
    # Each rank weighs its copy differently; the gradient is the sum.
    ((rank + 1) * total.square().sum()).backward()
    assert torch.equal(x.detach(), kept), 'the input was overwritten'
    return total, x.grad


def test_sum_with_gradients():
    for total, grad in run_ranks(_sums, 2):
        assert total.tolist() == [3., 10.]
        # d/dx of (1 + 2) * total^2
        assert grad.tolist() == [18., 60.]


def _gather(agreed):
    x = local(batch()).requires_grad_()
    whole = gather_with_grad(x, agreed)
    weigh = 1 if agreed else dist.get_rank() + 1
    (weigh * whole * torch.arange(11.)[:, None]).sum().backward()
    return whole, x.grad


@pytest.mark.parametrize('agreed, factor', [(False, 3), (True, 2)])
def test_gather_with_gradients(agreed, factor):
    results = run_ranks(_gather, 2, agreed)
    for whole, _ in results:
        assert torch.equal(whole, batch())
    weights = torch.arange(11.).double()[:, None].expand(11, 3)
    assert torch.equal(
        torch.cat([grad for _, grad in results]), factor * weights)
