"""The wrapper and its recognizer are one set of parts."""
import copy
import pickle

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.runner.checkpoint import get_state_dict, weights_to_cpu
from torch import nn

from mmbalance_plugin.models.recognizers import MultimodalRecognizer
from mmbalance_plugin.models.wrappers import RecognizerWrapper, recognizer_of
from tests.engine.modulation_toy import (
    assert_same,
    batches,
    build,
    config,
    ogm,
    weights,
)
from tests.models.recognizers.toy import reset

OPM = dict(warmup_epochs=0, p_exe=1.)


def test_checkpoints_keep_the_bare_names_in_the_same_order():
    bare, wrapped = build(norm=True), build(norm=True, opm=OPM)
    twice = RecognizerWrapper(build(norm=True, opm=OPM))
    for model in (wrapped, twice):
        assert list(model.state_dict()) == list(bare.state_dict())
        assert list(get_state_dict(model)) == list(bare.state_dict())
        assert_same(weights(bare), weights(model))
        assert recognizer_of(model).modalities == ('rgb', 'flow')
    other = build(norm=True, seed=4)
    twice.load_state_dict(other.state_dict(), strict=True)
    assert_same(weights(other), weights(twice))
    assert [n for n, _ in wrapped.named_parameters()] == [
        f'recognizer.{n}' for n, _ in bare.named_parameters()]


def test_a_training_step_that_would_be_bypassed_is_refused():
    class Own(MultimodalRecognizer):

        def train_step(self, data, optim_wrapper):
            return {}

    torch.manual_seed(0)
    cfg = config()
    cfg.pop('type')
    with pytest.raises(TypeError, match='Own has a train_step of its own'):
        RecognizerWrapper(Own(**cfg))


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


def test_questions_reach_the_recognizer():
    model = build(opm=OPM)
    inner = model.recognizer
    assert model.modalities == ('rgb', 'flow')
    assert model.head is inner.head and model.encoders is inner.encoders
    assert model.active == ('rgb', 'flow') and model.complete
    assert model.init_seed == inner.init_seed
    with pytest.raises(AttributeError, match='nonsense'):
        model.nonsense  # noqa: B018


def test_stages_and_frozen_parts():
    model = build(norm=True, head='DecisionHead', opm=OPM)
    model.enter_stage(['flow'], 'unimodal')
    model.train()
    assert model.training and model.encoders['flow'].training
    assert not model.encoders['rgb'].training
    assert model.trained == ('flow', )
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
    reset(model, 'rgb')
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
    assert other.recognizer.feature_transforms[0].__self__ is other
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


def test_losses_are_summed_as_the_recognizer_does():
    class Doubling(MultimodalRecognizer):

        def parse_losses(self, losses):
            total, log = super().parse_losses(losses)
            return 2 * total, log

    def run(kind, opm):
        torch.manual_seed(0)
        cfg = config()
        cfg.pop('type')
        inner = kind(**cfg)
        model = RecognizerWrapper(inner).train() if opm else inner.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=.1)
        model.train_step(batches(1)[0], OptimWrapper(optimizer))
        return weights(model)

    assert_same(run(Doubling, False), run(Doubling, True))
    assert not torch.equal(run(Doubling, True)['head.fc.weight'],
                           run(MultimodalRecognizer, True)['head.fc.weight'])
