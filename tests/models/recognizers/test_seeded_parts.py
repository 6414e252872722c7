"""Initial weights: named streams, resets, pretrained weights."""
import pytest
import torch
from mmengine.runner import save_checkpoint

from mmbalance_plugin.models.recognizers import MultimodalRecognizer
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.fit import CheckpointMismatchError
from tests.dist_utils import run_ranks
from tests.models.recognizers.toy import (
    batch,
    build,
    changed,
    config,
    own_state,
    reset,
    snapshot,
)

ALL = ('rgb', 'flow', 'sound')


def disturb(model):
    """Move every weight and every buffer."""
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)


@pytest.mark.parametrize('initialise', [False, True])
@pytest.mark.parametrize('alone', ALL)
def test_a_modality_starts_alike_whatever_stands_beside_it(alone, initialise):
    small = build((alone, ), initialise=initialise)
    big = build(ALL, initialise=initialise)
    expected = own_state(small, alone)
    assert len(expected) > 4
    got = own_state(big, alone)
    assert list(got) == list(expected)
    for key, value in expected.items():
        assert torch.equal(value, got[key]), key


def test_parts_do_not_share_numbers_and_seeds_matter():
    twins = config(ALL)
    twins['encoders'] = {m: twins['encoders']['rgb'] for m in ALL}
    first = MODELS.build(twins)
    weights = [first.encoders[m].backbone.layers[0].weight for m in ALL]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])
    for seed, same in ((0, True), (1, False)):
        again, model = build(seed=0), build(seed=seed)
        assert torch.equal(again.encoders['rgb'].backbone.layers[0].weight,
                           model.encoders['rgb'].backbone.layers[0].weight
                           ) == same


def test_building_leaves_the_global_stream_alone_and_ignores_its_state():
    torch.manual_seed(5)
    torch.rand(3)
    state = torch.get_rng_state()
    model = MODELS.build(config())
    model.init_weights()
    assert torch.equal(torch.get_rng_state(), state)
    assert not changed(build(seed=5), snapshot(model))
    assert model.init_seed == 5
    assert not changed(build(init_seed=5), snapshot(model))


def test_init_weights_acts_once():
    model = build()
    disturb(model)
    before = snapshot(model)
    model.init_weights()
    assert not changed(model, before)


@pytest.mark.parametrize('initialise', [False, True])
@pytest.mark.parametrize('head', ['DecisionHead', 'SumHead', 'ConcatHead'])
def test_reset_is_bit_exact_and_touches_one_modality(head, initialise):
    cfg = dict(init_cfg=dict(type='Normal', layer='Linear', std=.01))
    model = build(ALL, head, head_cfg=cfg, initialise=initialise)
    initial = snapshot(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=.5, momentum=.9)
    inputs, samples = batch(ALL)
    for _ in range(3):
        optimizer.zero_grad()
        sum(model.loss(inputs, samples).values()).backward()
        optimizer.step()
    trained = snapshot(model)
    identities = {id(value) for value in model.parameters()}
    # A later draw or seed must not matter.
    torch.manual_seed(99)
    state = torch.get_rng_state()
    reset(model, 'flow')
    assert torch.equal(torch.get_rng_state(), state)
    own = set(own_state(model, 'flow'))
    assert own & changed(model, trained) and own >= changed(model, trained)
    assert not own & changed(model, initial)
    assert identities == {id(value) for value in model.parameters()}


def test_reset_of_a_single_modality_resets_the_head_too():
    model = build(('rgb', ), 'MLPHead')
    initial = snapshot(model)
    disturb(model)
    reset(model, 'rgb')
    assert not changed(model, initial)


def test_what_drew_the_weights_is_a_line_for_each_part(capfd):
    model = build(ALL, initialise=True)
    told = capfd.readouterr().out.splitlines()
    assert len(told) == len(ALL)
    for m, line in zip(ALL, told):
        assert f'ModalityEncoder of {m}: 1 weights: KaimingInit: ' in line
    model.reset_parts(ALL)
    assert not capfd.readouterr().out


def test_reset_keeps_what_is_frozen_frozen():
    model = build()
    model.enter_stage(['flow'], 'unimodal')
    flags = [value.requires_grad for value in model.parameters()]
    reset(model, 'flow')
    assert flags == [value.requires_grad for value in model.parameters()]
    assert not model.encoders['rgb'].training


def test_reset_follows_a_seed_that_was_set():
    expected = build(seed=8)
    model = build(seed=0)
    model.init_seed = 8
    reset(model, 'rgb')
    differing = changed(model, snapshot(expected))
    assert differing and differing <= set(own_state(model, 'flow'))


def test_pretrained_backbone_and_model(tmp_path):
    donor = build(('rgb', ), seed=3)
    disturb(donor)
    backbone = donor.encoders['rgb'].backbone
    file = str(tmp_path / 'backbone.pth')
    save_checkpoint(dict(state_dict=backbone.state_dict()), file)
    cfg = config()
    cfg['encoders']['rgb']['backbone']['init_cfg'] = dict(
        type='Pretrained', checkpoint=file)
    model = MODELS.build(cfg)
    model.init_weights()
    mine = model.encoders['rgb'].backbone
    assert not changed(mine, snapshot(backbone))
    # The others are as without it.
    torch.manual_seed(model.init_seed)
    plain = MODELS.build(config())
    plain.init_weights()
    assert changed(model, snapshot(plain)) == {
        f'encoders.rgb.backbone.{key}' for key in mine.state_dict()
    }
    disturb(model)
    reset(model, 'rgb')
    assert not changed(mine, snapshot(backbone))

    file = str(tmp_path / 'all.pth')
    save_checkpoint(dict(state_dict=model.state_dict()), file)
    loaded = build(seed=7, init_cfg=dict(type='Pretrained', checkpoint=file))
    assert not changed(loaded, snapshot(model))
    disturb(loaded)
    reset(loaded, 'flow')
    reset(loaded, 'rgb')
    assert not changed(loaded, snapshot(model))


@pytest.mark.parametrize('where', ['model', 'backbone'])
def test_a_pretrained_file_that_fits_nothing_is_refused(tmp_path, where):
    """Its names have a prefix, as those of a whole model have."""
    cfg, donor = config(), build(('rgb', ), seed=3)
    weights = donor.encoders['rgb'].backbone.state_dict()
    file = str(tmp_path / 'detector.pth')
    save_checkpoint(
        dict(state_dict={f'backbone.{k}': v for k, v in weights.items()}),
        file)
    init = dict(type='Pretrained', checkpoint=file)
    if where == 'model':
        cfg['init_cfg'] = init
    else:
        cfg['encoders']['rgb']['backbone']['init_cfg'] = init
    with pytest.raises(CheckpointMismatchError, match="'backbone.*prefix="):
        MODELS.build(cfg).init_weights()
    if where == 'backbone':
        init['prefix'] = 'backbone.'
        model = MODELS.build(cfg)
        model.init_weights()
        assert not changed(model.encoders['rgb'].backbone, weights)


def test_other_initialisations_of_the_whole_model_are_refused():
    with pytest.raises(ValueError, match="only be of type 'Pretrained'"):
        build(init_cfg=dict(type='Normal', layer='Linear'))


def test_misfits_of_the_config():
    with pytest.raises(ValueError, match='at least one modality'):
        MultimodalRecognizer({}, dict(type='ConcatHead', num_classes=2))
    with pytest.raises(ValueError, match="'rgb': 9.*'rgb': 8"):
        build(head_cfg=dict(in_channels=dict(rgb=9, flow=9)))
    cfg = config()
    cfg['encoders']['rgb'] = dict(type='torch.nn.Identity')
    with pytest.raises(ValueError, match="Identity of 'rgb'.*out_channels"):
        MODELS.build(cfg)


def reset_with_unequal_seeds():
    rank = torch.distributed.get_rank()
    model = build(seed=rank)
    reset(model, 'rgb')
    return snapshot(model)


def test_ranks_agree_after_a_reset():
    first, second = run_ranks(reset_with_unequal_seeds, 2)
    expected = own_state(build(seed=0), 'rgb')
    for key, value in expected.items():
        assert torch.equal(first[key], value), key
        assert torch.equal(second[key], value), key
