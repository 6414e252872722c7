"""A training step on a card, pretended: the host waits for nothing."""
import pytest
import torch
from mmengine.optim import OptimWrapper

from mmbalance_plugin.engine.anchor_cache import AnchorCache
from mmbalance_plugin.engine.udi import AnchorGuidance
from mmbalance_plugin.models.losses import CLUBLoss, JSDivergenceLoss
from mmbalance_plugin.models.objectives import UnimodalLoss
from mmbalance_plugin.registry import MODELS
from tests.models.recognizers import toy
from tests.pretended_card import CARD, waits_for_the_card


def guided(cache):
    guide = AnchorGuidance('rgb', 'flow', JSDivergenceLoss(),
                           CLUBLoss(8, 9, seed=0))
    if cache is not None:
        guide.caches['rgb'] = AnchorCache(
            torch.zeros(200, 8, device=cache),
            torch.zeros(200, toy.CLASSES, device=cache), torch.device(CARD),
            False)
    return ['flow'], [UnimodalLoss(), guide]


def adam(model):
    return OptimWrapper(torch.optim.Adam(
        [p for p in model.parameters() if p.requires_grad]))


def clips():
    inputs, samples = toy.batch()
    return dict(inputs={m: list(x) for m, x in inputs.items()},
                data_samples=samples)


@pytest.mark.parametrize('stage', [
    lambda: ('all', 'fused'),
    lambda: (['flow'], 'unimodal'),
    lambda: guided(None),
    lambda: guided(CARD),
    lambda: guided('cpu'),
], ids=['joint', 'unimodal', 'follower', 'cached', 'cached in memory'])
def test_a_step_waits_for_nothing(stage):
    model = toy.build(head='DecisionHead').to(CARD)
    model.enter_stage(*stage())
    wrapper, batch = adam(model), clips()
    model.train()
    with waits_for_the_card() as waits:
        for _ in range(2):
            waits.clear()  # the first step is logged
            losses = model(
                **model.data_preprocessor(batch, True), mode='loss')
            assert all(loss.is_meta for loss in losses.values())
            wrapper.update_params(sum(losses.values()))
    assert waits == []


def test_nor_does_any_turn_of_mla():
    cfg = toy.config(
        head='MLAHead',
        step=dict(type='mmbalance_plugin.MLA'),
        objective='unimodal')
    for encoder in cfg['encoders'].values():
        encoder['proj_channels'] = 7
    model = MODELS.build(cfg).to(CARD)
    wrapper, batch = adam(model), clips()
    model.train()
    with waits_for_the_card() as waits:
        for _ in range(2):
            waits.clear()  # Adam's first update makes its state
            log = model.train_step(batch, wrapper)
    assert waits == [] and log['loss'].is_meta


@pytest.mark.parametrize('kind', ['mixup', None])
@pytest.mark.parametrize('several', [False, True])
def test_nor_does_one_of_other_targets(kind, several):
    blending = kind and dict(type='mmbalance_plugin.Blending', kind=kind)
    model = toy.build(
        head='DecisionHead', head_cfg=dict(multi_class=several),
        blending=blending).to(CARD)
    wrapper, batch = adam(model), clips()
    if several:
        for sample in batch['data_samples']:
            sample.set_gt_label(torch.ones(toy.CLASSES))
    model.train()
    with waits_for_the_card() as waits:
        for _ in range(2):
            waits.clear()
            losses = model(
                **model.data_preprocessor(batch, True), mode='loss')
            wrapper.update_params(sum(losses.values()))
    assert waits == []
