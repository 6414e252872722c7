"""Initial weights that neither config nor seed give."""
import pytest
import torch
from mmengine.runner import save_checkpoint

from mmbalance_plugin.models.recognizers import initial_weights
from tests.dist_utils import run_ranks
from tests.models.recognizers.test_seeded_parts import ALL, disturb
from tests.models.recognizers.toy import (
    build,
    changed,
    own_state,
    snapshot,
)

RGB = ('encoders.rgb', 'head.branches.rgb')
FLOW = ('encoders.flow', 'head.branches.flow')


def loaded(part='encoders.rgb.'):
    """A model some of whose weights came from elsewhere."""
    model = build(ALL)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.startswith(part):
                value.add_(1)
    return model


def test_what_was_loaded_comes_back_and_nothing_else_is_kept():
    model = loaded()
    initial = snapshot(model)
    model.note_initial_weights([''])
    given = model.initial_state()['given']
    assert set(given) == {k for k in initial if k.startswith('encoders.rgb.')}
    disturb(model)
    model.reset_parts(RGB)
    model.reset_parts([''])
    assert not changed(model, initial)


def test_only_what_may_be_reset_is_kept():
    model = loaded('')
    model.note_initial_weights(FLOW)
    assert set(model.initial_state()['given']) == set(
        own_state(model, 'flow'))


def test_nothing_is_kept_of_what_can_be_built_anew():
    model = build(ALL)
    model.note_initial_weights([''])
    assert model.initial_state()['given'] == {}


def test_another_process_knows_them(tmp_path):
    model = loaded()
    initial = snapshot(model)
    model.note_initial_weights([''])
    path = tmp_path / 'state.pth'
    torch.save(model.initial_state(), path)
    other = build(ALL)
    disturb(other)
    other.load_initial_state(torch.load(path, weights_only=True))
    other.reset_parts([''])
    assert not changed(other, initial)


def test_weights_are_given_out_without_a_change():
    model = loaded()
    initial = snapshot(model)
    model.note_initial_weights([''])
    disturb(model)
    before = snapshot(model)
    values = model.initial_weights(RGB)
    assert not changed(model, before)
    assert set(values) == set(own_state(model, 'rgb'))
    assert all(torch.equal(v, initial[k]) for k, v in values.items())


def test_a_file_of_init_cfg_that_has_changed_is_noticed(tmp_path):
    path = str(tmp_path / 'model.pth')
    cfg = dict(init_cfg=dict(type='Pretrained', checkpoint=path))
    save_checkpoint(dict(state_dict=build(ALL, seed=3).state_dict()), path)
    model = build(ALL, **cfg)
    model.note_initial_weights([''])
    state = model.initial_state()
    assert state['given'] == {}
    again = build(ALL, **cfg)
    again.load_initial_state(state)
    save_checkpoint(dict(state_dict=build(ALL, seed=4).state_dict()), path)
    with pytest.raises(RuntimeError, match='init_cfg names has changed'):
        model.reset_parts(RGB)
    with pytest.raises(RuntimeError, match='init_cfg names has changed'):
        build(ALL, **cfg).load_initial_state(state)


def test_another_device_that_draws_other_numbers_is_told(monkeypatch, capfd):
    model = loaded()
    model.note_initial_weights([''])
    state = model.initial_state()
    other = build(ALL)
    monkeypatch.setattr(initial_weights, '_drawn_on', lambda _: 'Card X')
    monkeypatch.setattr(initial_weights, '_digest', lambda _: 'another')
    other.load_initial_state(state)
    text = capfd.readouterr().out
    assert 'CPU' in text and 'now with Card X' in text
    # What was given is as it was.
    disturb(other)
    other.reset_parts(RGB)
    assert set(changed(other, snapshot(model))).isdisjoint(state['given'])


def note_on_ranks():
    rank = torch.distributed.get_rank()
    model = build(ALL, seed=rank)
    with torch.no_grad():
        # As MMEngine's runner: every rank has rank 0's weights.
        for value in model.state_dict().values():
            torch.distributed.broadcast(value, 0)
    model.note_initial_weights([''])
    return model.initial_state()


def test_ranks_with_seeds_of_their_own_keep_the_same():
    first, second = run_ranks(note_on_ranks, 2)
    assert first['given'] == second['given'] == {}
    assert first['digest'] == second['digest']


def test_several_may_note_parts_of_their_own():
    """A hook that needs encoders, and a loop that resets a head."""
    model = loaded('')
    initial = snapshot(model)
    model.note_initial_weights(['encoders'])
    noted = model.initial_state()
    model.note_initial_weights(['head'])
    other = build(ALL, seed=9)
    other.load_initial_state(model.initial_state())
    other.load_initial_state(noted)
    for each in (model, other):
        disturb(each)
        each.reset_parts([''])
        assert not changed(each, initial)
