"""FiLM, gated and MLP: formulas, roles and zero-out."""
import pytest
import torch

from tests.models.heads.cases import build, features


def test_film_formula():
    head = build('FiLMHead', condition='flow')
    given = features()
    both = head.film(given['flow'])
    gamma, beta = both[:, :4], both[:, 4:]
    torch.testing.assert_close(
        head(given), head.fc(gamma * given['rgb'] + beta))


@pytest.mark.parametrize('hidden', [None, 9])
def test_gated_formula(hidden):
    head = build('GatedHead', condition='rgb', hidden_channels=hidden)
    given = features()
    gate = torch.sigmoid(head.gate(given['rgb']))
    assert gate.shape[1] == (hidden or 6)
    torch.testing.assert_close(
        head(given), head.fc(gate * head.value(given['flow'])))


@pytest.mark.parametrize('name', ['FiLMHead', 'GatedHead'])
def test_roles_differ_and_must_be_named(name):
    given = features()
    first, second = (build(name, condition=m)(given) for m in given)
    assert not torch.allclose(first, second)
    with pytest.raises(ValueError, match=r"condition=.*'rgb', 'flow'"):
        build(name, condition=None)
    with pytest.raises(ValueError, match="'audio'"):
        build(name, condition='audio')
    for count in (1, 3):
        with pytest.raises(ValueError, match=f'got {count}.*rgb'):
            build(name, count, condition='rgb')


def test_mlp_layers():
    head = build('MLPHead', 3, hidden_channels=[8, 6], dropout=.5, norm=True)
    kinds = [type(layer).__name__ for layer in head.mlp]
    block = ['Linear', 'BatchNorm1d', 'ReLU', 'Dropout']
    assert kinds == block + block + ['Linear']
    assert [head.mlp[k].out_features for k in (0, 4, 8)] == [8, 6, 7]
    with pytest.raises(ValueError, match='ConcatHead'):
        build('MLPHead', hidden_channels=[])


@pytest.mark.parametrize('name', ['FiLMHead', 'GatedHead', 'MLPHead'])
def test_zero_out_is_a_fused_pass_with_zeros(name):
    head = build(name)
    given = features()
    assert not head.linear
    alone = head.unimodal_logits(given)
    for m in given:
        zeros = {k: torch.zeros_like(v) for k, v in given.items()}
        torch.testing.assert_close(alone[m],
                                   head(dict(zeros, **{m: given[m]})))


def test_scoring_moves_neither_statistics_nor_random_streams():
    head = build('MLPHead', dropout=.5, norm=True).train()
    head.mlp[1].eval()
    given = features()
    modes = [part.training for part in head.modules()]
    state = {k: v.clone() for k, v in head.state_dict().items()}
    stream = torch.get_rng_state()
    with torch.no_grad():
        alone = head.unimodal_logits(given)
        again = head.unimodal_logits(given)
    assert torch.equal(stream, torch.get_rng_state())
    for key, value in head.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert modes == [part.training for part in head.modules()]
    for m in given:
        assert torch.equal(alone[m], again[m])
    # With gradient it is a training pass like any other.
    head.mlp[1].train()
    head.unimodal_logits(given)
    assert not torch.equal(stream, torch.get_rng_state())
    assert head.mlp[1].num_batches_tracked == 2


def test_modes_come_back_after_an_error():
    head = build('MLPHead', norm=True).train()
    with torch.no_grad(), pytest.raises(RuntimeError):
        head.unimodal_logits({'rgb': torch.zeros(2, 3, 4)})
    assert all(part.training for part in head.modules())
