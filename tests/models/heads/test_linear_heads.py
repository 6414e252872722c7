"""The exact split of heads that are linear in the features."""
import pytest
import torch

from tests.models.heads.cases import build, features


@pytest.mark.parametrize('name', ['ConcatHead', 'SumHead'])
@pytest.mark.parametrize('count', [1, 2, 3])
def test_split_adds_up_to_the_fused_logits(name, count):
    head = build(name, count).double()
    given = {k: v.double() for k, v in features(count).items()}
    assert head.linear
    shares = head.unimodal_logits(given)
    torch.testing.assert_close(
        sum(shares.values()), head(given), rtol=0, atol=1e-12)


@pytest.mark.parametrize('count', [2, 3])
def test_concat_blocks_and_bias(count):
    head = build('ConcatHead', count)
    given = features(count)
    shares = head.unimodal_logits(given)
    start = 0
    for name, feature in given.items():
        block = head.fc.weight[:, start:start + feature.shape[1]]
        start += feature.shape[1]
        torch.testing.assert_close(shares[name],
                                   feature @ block.T + head.fc.bias / count)


def test_sum_keeps_each_bias_whole_in_both_modes():
    head = build('SumHead')
    given = features()
    for mode in (True, False):
        shares = head.train(mode).unimodal_logits(given)
        for name, feature in given.items():
            branch = head.branches[name]
            torch.testing.assert_close(shares[name],
                                       feature @ branch.weight.T + branch.bias)


@pytest.mark.parametrize('name', ['ConcatHead', 'SumHead'])
def test_zero_out_differs_from_the_split_by_the_others_biases(name):
    head = build(name, 3)
    given = features(3)
    shares, alone = head.unimodal_logits(given), head.zero_out_logits(given)
    if name == 'ConcatHead':
        rest = {m: head.fc.bias * 2 / 3 for m in given}
    else:
        total = sum(branch.bias for branch in head.branches.values())
        rest = {m: total - head.branches[m].bias for m in given}
    for m in given:
        torch.testing.assert_close(alone[m], shares[m] + rest[m])
