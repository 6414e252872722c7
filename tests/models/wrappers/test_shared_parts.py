"""The wrapper and its recognizer are one set of parts."""
import copy
import pickle

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.runner.checkpoint import get_state_dict, weights_to_cpu
from torch import nn

from mmbalance_plugin.models.wrappers.shared_parts import SharedPartsModel
from tests.engine.modulation_toy import (
    assert_same,
    batches,
    build,
    ogm,
    weights,
)

OPM = dict(warmup_epochs=0, p_exe=1.)


def test_same_names_in_the_same_order():
    bare, wrapped = build(norm=True), build(norm=True, opm=OPM)
    for kind in ('named_parameters', 'named_buffers', 'named_children'):
        names = [[n for n, _ in getattr(m, kind)()] for m in (bare, wrapped)]
        assert names[0] == names[1]
    assert_same(weights(bare), weights(wrapped))


@pytest.mark.parametrize('ratio_from', ['current', 'previous'])
def test_checkpoints_load_into_the_bare_recognizer_and_back(
        tmp_path, ratio_from):
    wrapped = build(norm=True, opm=dict(OPM, ratio_from=ratio_from))
    wrapper = ogm(wrapped)
    for batch in batches(2):
        wrapped.train_step(batch, wrapper)
    path = str(tmp_path / 'opm.pth')
    save_checkpoint(
        dict(state_dict=weights_to_cpu(get_state_dict(wrapped))), path)
    bare = build(norm=True, seed=5)
    load_checkpoint(bare, path, strict=True)
    assert_same(weights(bare), weights(wrapped))
    bare.load_state_dict(wrapped.state_dict(), strict=True)
    again = build(norm=True, seed=6, opm=OPM)
    save_checkpoint(dict(state_dict=get_state_dict(bare)), path)
    load_checkpoint(again, path, strict=True)
    again.load_state_dict(bare.state_dict(), strict=True)
    assert_same(weights(bare), weights(again))


def test_predictions_are_the_bare_recognizers():
    bare, wrapped = build(norm=True), build(norm=True, opm=OPM)
    batch = batches(1)[0]
    for model in (bare, wrapped):
        model.eval()
    found = [m.test_step(copy.deepcopy(batch)) for m in (bare, wrapped)]
    for a, b in zip(*found):
        assert torch.equal(a.pred_score, b.pred_score)
        assert torch.equal(a.pred_scores['rgb'], b.pred_scores['rgb'])
    data = bare.data_preprocessor(batch)
    outputs = [m(**data, mode='tensor')['logits'] for m in (bare, wrapped)]
    assert torch.equal(*outputs)


def test_questions_and_settings_reach_the_recognizer():
    model = build(opm=OPM)
    inner = model.recognizer
    assert model.modalities == ('rgb', 'flow')
    assert model.head is inner.head and model.encoders is inner.encoders
    assert model.active == ('rgb', 'flow') and model.complete
    model.init_seed = 77
    model.score_mode = 'zero_out'
    assert (inner.init_seed, inner.score_mode) == (77, 'zero_out')
    model.mine = 3
    assert not hasattr(inner, 'mine')
    with pytest.raises(AttributeError, match='nonsense'):
        model.nonsense  # noqa: B018


def test_stages_and_frozen_parts():
    model = build(norm=True, head='DecisionHead', opm=OPM)
    model.enter_stage(['flow'], 'unimodal')
    model.train()
    assert model.training and model.encoders['flow'].training
    assert not model.encoders['rgb'].training
    assert model.objective == 'unimodal' and model.trained == ('flow', )
    assert not any(p.requires_grad for p in model.encoders['rgb'].parameters())
    losses = model(**model.data_preprocessor(batches(1)[0]), mode='loss')
    assert set(losses) == {'loss_cls_flow'}
    model.leave_stage()
    assert model.train().encoders['rgb'].training
    assert not model.eval().recognizer.training


def test_a_modality_can_be_reset():
    model = build(opm=OPM, head='DecisionHead')
    before = weights(model)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1)
    model.reset_parts(['rgb'])
    after = weights(model)
    for key, value in after.items():
        assert torch.equal(value, before[key]) == ('rgb' in key), key


def test_weights_are_initialised_once_and_as_bare():
    model = build(opm=OPM, seed=3)
    before = weights(model)
    assert_same(before, weights(build(seed=3)))
    model.init_weights()
    assert_same(before, weights(model))


@pytest.mark.parametrize('copied', [
    copy.deepcopy,
    lambda model: pickle.loads(pickle.dumps(model))
], ids=['deepcopy', 'pickle'])
def test_a_copy_is_whole(copied):
    model = build(opm=OPM)
    other = copied(model)
    assert other.recognizer is not model.recognizer
    assert other.encoders is other.recognizer.encoders
    assert other.recognizer.feature_transform.__self__ is other
    with torch.no_grad():
        other.head.fc.weight.add_(1)
    assert torch.equal(other.recognizer.head.fc.weight,
                       other.state_dict()['head.fc.weight'])
    assert not torch.equal(other.head.fc.weight, model.head.fc.weight)


def test_conversions_reach_both():
    model = build(opm=OPM).double()
    assert model.recognizer.head.fc.weight.dtype == torch.float64
    batch_norm = build(norm=True, opm=OPM)
    nn.SyncBatchNorm.convert_sync_batchnorm(batch_norm)
    kinds = [{type(m) for m in part.modules()}
             for part in (batch_norm, batch_norm.recognizer)]
    assert all(nn.SyncBatchNorm in found for found in kinds)


def test_in_ddp(tmp_path):
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/r', rank=0, world_size=1)
    alone, inside = build(opm=OPM), build(opm=OPM)
    wrapper = ogm(alone)
    ddp = MMDistributedDataParallel(inside)
    ddp_wrapper = ogm(ddp)
    for batch in batches(3):
        alone.train_step(copy.deepcopy(batch), wrapper)
        ddp.train_step(batch, ddp_wrapper)
    assert_same(weights(alone), weights(ddp))


def test_parts_the_recognizer_gets_later():
    inner = nn.Module()
    inner.data_preprocessor = nn.Identity()
    inner.scale = nn.Parameter(torch.ones(()))
    model = SharedPartsModel(inner)
    inner.late = nn.Linear(2, 2)
    inner.register_buffer('count', torch.zeros(()))
    assert model.state_dict().keys() == inner.state_dict().keys()
    assert {'scale', 'late.weight', 'count'} <= model.state_dict().keys()
