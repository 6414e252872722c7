"""MLA in training: its updates, ranks, loss scales, a run and its resume."""
import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch.amp import GradScaler
from torch.optim import SGD

from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.registry import MODELS
from tests.dist_utils import run_ranks
from tests.engine.digits import digits_cfg, train
from tests.engine.hooks.summary_utils import summary_of
from tests.engine.modulation_toy import (
    assert_close,
    assert_same,
    batches,
    config,
    split,
    weights,
)

METHOD = dict(
    step=dict(type='mmbalance_plugin.MLA'),
    objective=[dict(type='mmbalance_plugin.UnimodalLoss')])
THREE = ('rgb', 'flow', 'depth')


def mla(modalities=('rgb', 'flow'), **kwargs):
    cfg = config(modalities, head='MLAHead', **{**METHOD, **kwargs})
    for encoder in cfg['encoders'].values():
        encoder['proj_channels'] = 5
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model.train()


def wrap(model, lr=.1, kind=OptimWrapper, **kwargs):
    return kind(
        SGD(model.parameters(), lr=lr, momentum=.9, weight_decay=.01),
        **kwargs)


def tell(index, count):
    """What the runner says of an epoch of so many batches."""
    hub = MessageHub.get_current_instance()
    hub.update_info('max_epochs', 1)
    hub.update_info('max_iters', count)
    hub.update_info('iter', index)


@pytest.fixture(autouse=True)
def alone():
    hub = MessageHub.get_current_instance()
    before = dict(hub.runtime_info)
    yield
    hub.runtime_info.clear()
    hub.runtime_info.update(before)


def run(model, data, wrapper=None):
    wrapper = wrapper or wrap(model)
    for i, batch in enumerate(data):
        tell(i, len(data))
        log = model.train_step(copy.deepcopy(batch), wrapper)
    return weights(model), log


def slow_mla(model, data):
    """The updates in plain PyTorch, float64, from the formulas."""
    model = copy.deepcopy(model).double()
    lr, velocity, first = .1, {}, True
    p = torch.eye(5, dtype=torch.float64)
    for b, batch in enumerate(data):
        y = torch.stack([s.gt_label for s in batch['data_samples']]).flatten()
        for m in model.modalities:
            x = torch.stack(batch['inputs'][m]).double()
            phi = model.encoders[m](x)
            fc = model.head.fc
            mine = [*model.encoders[m].parameters(), fc.weight, fc.bias]
            grads = list(
                torch.autograd.grad(F.cross_entropy(fc(phi), y), mine))
            if not first:
                r = phi.detach().mean(0)[:, None]
                k = p @ r
                p = p - k @ k.T / (.1**(1 + b / len(data)) + r.T @ k)
                p = p / p.square().sum().sqrt()
                grads[-2] = grads[-2] @ p.T
            first = False
            with torch.no_grad():
                for w, g in zip(mine, grads):
                    g = g + .01 * w
                    v = velocity.get(w)
                    velocity[w] = g if v is None else .9 * v + g
                    w -= lr * velocity[w]
    state = weights(model)
    state['head.projection'] = p
    return {k: v for k, v in state.items() if k != 'head.turns'}


def test_weights_by_an_independent_implementation():
    data = batches(4, modalities=THREE)
    start = mla(THREE)
    found, log = run(copy.deepcopy(start), data)
    assert found.pop('head.turns') == 12
    expected = slow_mla(start, data)
    assert_close({k: v.double() for k, v in found.items()}, expected)
    assert list(log) == [
        'loss', 'loss_cls_rgb', 'loss_cls_flow', 'loss_cls_depth'
    ]
    assert float(log['loss']) == pytest.approx(
        sum(float(log[k]) for k in list(log)[1:]))


class Watched(OptimWrapper):
    """Keeps the weights before and after each update."""

    def step(self, **kwargs):
        before = weights(self.model)
        super().step(**kwargs)
        self.seen.append((before, weights(self.model)))


def test_in_a_turn_no_other_encoder_moves():
    """Under momentum and weight decay, also after a first batch."""
    model = mla(THREE)
    wrapper = wrap(model, kind=Watched)
    wrapper.model, wrapper.seen = model, []
    run(model, batches(3, modalities=THREE), wrapper)
    assert len(wrapper.seen) == 9
    for turn, (before, after) in enumerate(wrapper.seen):
        moved = {
            '.'.join(k.split('.')[:2])
            for k in before if not torch.equal(before[k], after[k])
        }
        assert moved == {f'encoders.{THREE[turn % 3]}', 'head.fc'}
    assert all(p.grad is None for p in model.parameters())


class ScaledWrapper(OptimWrapper):
    """The logic of AmpOptimWrapper, which asks for a card."""

    def __init__(self, *args, scale, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_scaler = GradScaler(
            'cpu', init_scale=scale, backoff_factor=.999)

    def step(self, **kwargs):
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update()


def test_the_loss_scale_does_not_matter():
    data = batches(3)
    expected, _ = run(mla(), data)
    model = mla()
    found, _ = run(model, data, wrap(model, kind=ScaledWrapper, scale=4096.))
    assert_close(found, expected, atol=1e-6)


def test_an_overflow_skips_the_update_and_leaves_p_sound():
    model = mla()
    before = weights(model)
    data = batches(2)
    for batch in data:  # Large inputs, so that gradients are large.
        for m, images in batch['inputs'].items():
            batch['inputs'][m] = [100 * image for image in images]
    scaled = wrap(model, kind=ScaledWrapper, scale=3e38)
    after, _ = run(model, data, scaled)
    assert scaled.loss_scaler.get_scale() == pytest.approx(3e38 * .999**4)
    for name in before:
        if 'head.projection' not in name and 'turns' not in name:
            assert torch.equal(before[name], after[name]), name
    assert after['head.projection'].isfinite().all()


def rank_runs():
    data = [split(b, 2)[get_rank()] for b in batches(4, size=16)]
    return run(MultimodalDistributedDataParallel(mla()), data)[0]


def test_two_ranks_are_one_process_with_the_whole_batch():
    first, second = run_ranks(rank_runs, 2)
    assert_same(first, second)
    expected, _ = run(mla(), batches(4, size=16))
    assert_close(first, expected)


def test_samples_without_a_modality_have_no_part_in_its_turn():
    """The mean feature is that of those who have it."""
    model = mla()
    model.head.turns += 1  # P takes in the first turn's feature
    batch, = batches(1, size=6)
    batch['data_samples'][1].set_metainfo(
        dict(modality_mask=dict(rgb=False, flow=True)))
    batch['inputs']['rgb'][1] = batch['inputs']['rgb'][1][:0]
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    phi = model.extract_feat(data['inputs'], ['rgb'], data['present'])['rgb']
    assert not phi[1].any()
    r = phi.detach().sum(0)[:, None] / 5
    k = r
    expected = torch.eye(5) - k @ k.T / (.1 + r.T @ k)
    seen = []
    step = OptimWrapper.step

    class Once(OptimWrapper):

        def step(self, **kwargs):
            seen.append(model.head.projection.clone())
            step(self, **kwargs)

    model.train_step(batch, wrap(model, kind=Once))
    torch.testing.assert_close(seen[0], expected / expected.norm())


# ---- whole runs --------------------------------------------------------
def cfg(folder, epochs=2, **merge):
    cfg = digits_cfg(
        folder,
        dict(max_epochs=epochs),
        head='MLAHead',
        n_train=96,
        n_val=32,
        **merge)
    cfg.model.update(copy.deepcopy(METHOD))
    cfg.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    return cfg


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole = train(cfg(tmp_path / 'whole'))
    again = cfg(tmp_path / 'again')
    again.load_from = str(tmp_path / 'whole' / 'epoch_1.pth')
    again.resume = True
    again = train(again)
    assert_same(weights(whole.model), weights(again.model))
    # Three batches an epoch, two modalities; each encoder sees each once.
    for runner in (whole, again):
        cost = summary_of(runner)['cost']
        assert cost['optimizer_steps'] == 2 * 3 * 2
        assert cost['encoder_samples'] == dict(audio=192, visual=192)
    assert 'acc/top1' in summary_of(whole)['test']


@pytest.mark.parametrize('change, message', [
    (dict(model=dict(head=dict(type='mmbalance_plugin.ConcatHead'))),
     'MLAHead'),
    (dict(model=dict(objective=None)), 'UnimodalLoss.*FusedLoss'),
    (dict(optim_wrapper=dict(accumulative_counts=2)),
     'accumulative_counts=2 has no meaning'),
])
def test_what_does_not_fit_is_told_before_the_first_batch(
        tmp_path, change, message):
    wrong = cfg(tmp_path / 'run')
    wrong.merge_from_dict(change)
    runner = Runner.from_cfg(wrong)
    with pytest.raises(ValueError, match=f"stage 'joint': .*{message}"):
        runner.train()
    assert runner.iter == 0


def test_other_loops_are_told_in_the_first_batch():
    with pytest.raises(ValueError, match='accumulative_counts'):
        model = mla()
        run(model, batches(1), wrap(model, accumulative_counts=2))
