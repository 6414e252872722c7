"""AGM: attributions, the scaled gradient, running means and ranks."""
import copy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.optim import OptimWrapper
from torch.optim import SGD

from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.functional import agm_attributions, agm_coefficients
from mmbalance_plugin.models.objectives import AGMLoss
from mmbalance_plugin.models.presence import Presence
from tests.dist_utils import run_ranks
from tests.engine import digits
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    batches,
    gradients,
    split,
    weights,
)
from tests.engine.modulation_toy import build as build_images
from tests.models.recognizers.toy import batch, build, targets

THREE = ('rgb', 'flow', 'sound')
AGM = [dict(type='mmbalance_plugin.AGMLoss', alpha=2.)]


def by_inputs(model, inputs):
    """Fused logits with inputs set to zero, each a pass of the whole."""
    names, found = tuple(inputs), {}
    for bits in range(1, 2**len(names)):
        chosen = tuple(m for i, m in enumerate(names) if bits >> i & 1)
        zeroed = {m: x if m in chosen else torch.zeros_like(x)
                  for m, x in inputs.items()}
        found[chosen] = model.head(model.extract_feat(zeroed))
    return found


# ---- formula -------------------------------------------------------------
def test_golden_attributions():
    logits = {
        key: torch.tensor([value], dtype=torch.float64)
        for key, value in ((('a', 'v'), (3., 0., -1.)),
                           (('a', ), (2., .5, -.5)), (('v', ), (.5, .2, .1)))
    }
    shares = agm_attributions(logits, ('a', 'v'))
    assert shares['a'][0].tolist() == pytest.approx([2.25, .15, -.8])
    assert shares['v'][0].tolist() == pytest.approx([.75, -.15, -.2])


@pytest.mark.parametrize('head', ['ConcatHead', 'MLPHead', 'DecisionHead'])
@pytest.mark.parametrize('names', [THREE[:2], THREE])
def test_attributions_are_those_of_zeroed_inputs(head, names):
    model = build(names, head=head).eval()
    inputs, samples = batch(names)
    record = model.batch_record(inputs, samples)
    found, expected = AGMLoss.logits(record), by_inputs(model, inputs)
    assert_close(found, {k: expected[k] for k in found}, 1e-6)
    shares = agm_attributions(found, names)
    torch.testing.assert_close(sum(shares.values()), record.fused)
    if head == 'ConcatHead':  # they need no coalition where shares add
        alone = model.head.unimodal_logits(record.features)
        nothing = model.head.unimodal_logits(model.extract_feat(
            {m: torch.zeros_like(x) for m, x in inputs.items()}))
        common = sum(nothing.values()) / len(names)
        for m in names:
            torch.testing.assert_close(
                shares[m], alone[m] - nothing[m] + common)


# ---- gradient ------------------------------------------------------------
def test_gradients_are_scaled_on_their_way_through_the_shares():
    model = build(THREE, head='MLPHead', objective=AGM).eval()
    term, usual = model.terms[0], torch.tensor([1.5, 1.7, 1.6])
    term.means, term.iterations = usual, 4
    inputs, samples = batch(THREE)
    with model.stepping():
        losses = model.loss(inputs, samples)
    losses['loss_cls'].backward()
    found = gradients(model)
    model.zero_grad()
    # As the released code has it: hooks on the shares.
    logits = by_inputs(model, inputs)
    shares = agm_attributions(logits, THREE)
    ce = {m: F.cross_entropy(x, targets()) for m, x in shares.items()}
    k = agm_coefficients(ce, dict(zip(THREE, usual)), 2.)
    assert max(k.values()) > 1.05 and min(k.values()) < .95
    for m, share in shares.items():
        share.register_hook(lambda grad, m=m: grad * k[m].detach())
    loss = F.cross_entropy(sum(shares.values()), targets())
    torch.testing.assert_close(losses['loss_cls'], loss)
    loss.backward()
    assert_close(found, gradients(model), 1e-6)
    for m in THREE:
        torch.testing.assert_close(losses[f'agm_coefficient_{m}'], k[m],
                                   check_dtype=False)
        torch.testing.assert_close(losses[f'agm_ce_{m}'], ce[m])
    assert term.means is usual  # not in training


def steps(data, objective=AGM, wrap=lambda model: model, lr=.1, **options):
    inner = build_images(objective=objective, **options)
    model = wrap(inner)
    wrapper = OptimWrapper(SGD(model.parameters(), lr=lr, momentum=.9))
    for part in copy.deepcopy(data):
        model.train_step(part, wrapper)
    return weights(model), inner.terms[0]


@pytest.mark.parametrize('head', ['ConcatHead', 'MLPHead'])
def test_without_strength_it_is_joint_training(head):
    options = dict(head=head, norm=True)
    found, _ = steps(batches(4), [dict(AGM[0], alpha=0.)], **options)
    joint, _ = steps(batches(4), None, **options)
    assert_same(found, joint)
    scaled, _ = steps(batches(4), **options)
    assert any(not torch.equal(scaled[k], joint[k]) for k in joint)


# ---- running means -------------------------------------------------------
def test_means_are_of_all_iterations_in_halves_or_whole():
    data = batches(4, size=16)
    whole = steps(data, lr=0.)[1]
    halves = steps([h for b in data for h in split(b, 2)], lr=0.)[1]
    assert (whole.iterations, halves.iterations) == (4, 8)
    torch.testing.assert_close(whole.means, halves.means)
    model = build_images(objective=AGM).eval()
    ce = []
    for part in data:
        part = model.data_preprocessor(copy.deepcopy(part), False)
        record = model.batch_record(part['inputs'], part['data_samples'])
        shares = agm_attributions(AGMLoss.logits(record), model.modalities)
        ce.append(torch.stack([F.cross_entropy(x, record.targets)
                               for x in shares.values()]))
    torch.testing.assert_close(whole.means, torch.stack(ce).mean(0))


def test_what_is_missing_or_not_finite_leaves_no_mark():
    model = build(head='ConcatHead', objective=AGM).train()
    inputs, samples = batch()
    present = Presence(6, dict(flow=[1, 4]))
    partial = dict(inputs, flow=inputs['flow'][[1, 4]])
    twin = copy.deepcopy(model)
    losses = model.loss(partial, samples, present)
    record = twin.batch_record(partial, samples, present=present)
    share = agm_attributions(AGMLoss.logits(record), record.features)['flow']
    torch.testing.assert_close(
        losses['agm_ce_flow'],
        F.cross_entropy(share[[1, 4]], targets()[[1, 4]]))
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(partial, samples, present)
    assert losses['loss_cls'].dtype == torch.float32
    assert losses['agm_coefficient_rgb'].dtype == torch.float32
    inputs['rgb'] = inputs['rgb'] * float('inf')
    before = model.terms[0].means
    losses = model.loss(inputs, samples)
    assert not losses['loss_cls'].isfinite()
    torch.testing.assert_close(model.terms[0].means, before)


def test_another_stage_starts_afresh():
    term = steps(batches(2))[1]
    term.start_stage(SimpleNamespace(progress=SimpleNamespace(epoch=1)))
    assert term.iterations == 2
    term.start_stage(SimpleNamespace(progress=SimpleNamespace(epoch=0)))
    assert term.means is None and term.iterations == 0


def cfg(folder):
    config = digits.digits_cfg(
        folder,
        dict(max_epochs=3, stages=[dict(name='joint', keep='last')]),
        head='ConcatHead',
        n_train=96,
        n_val=32)
    config.model.objective = AGM
    config.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    return config


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole = digits.train(cfg(tmp_path / 'whole'))
    again = cfg(tmp_path / 'again')
    again.load_from = str(tmp_path / 'whole' / 'epoch_2.pth')
    again.resume = True
    assert_same(digits.weights(whole), digits.weights(digits.train(again)))


# ---- ranks ---------------------------------------------------------------
def rank_steps():
    data = [split(b, 2)[get_rank()] for b in batches(4, size=16)]
    found, term = steps(data, wrap=MultimodalDistributedDataParallel)
    return dict(found, means=term.means)


def test_two_ranks_are_one_process_with_the_whole_batch():
    first, second = run_ranks(rank_steps, 2)
    assert_same(first, second)
    found, term = steps(batches(4, size=16))
    assert_close(first, dict(found, means=term.means))


def test_mistakes_are_told():
    for wrong in (dict(alpha=-1.), dict(limit=-1.)):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            AGMLoss(**wrong)
    with pytest.raises(ValueError, match='compares'):
        build(('rgb', )).enter_stage(objective=[AGMLoss()])
