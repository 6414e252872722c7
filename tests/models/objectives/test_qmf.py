"""QMF in training: its history, what is lacking, ranks, runs, resume."""
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from mmengine.dist import get_rank
from torch.utils.data import ConcatDataset

from mmbalance_plugin.functional import qmf_fuse
from mmbalance_plugin.models.objectives import QMFLoss
from mmbalance_plugin.models.presence import Presence
from tests.dist_utils import run_ranks
from tests.engine.digits import assert_same, digits_cfg, train, weights
from tests.models.recognizers.toy import batch, build, targets

TERMS = [
    dict(type='mmbalance_plugin.FusedLoss'),
    dict(type='mmbalance_plugin.UnimodalLoss'),
    dict(type='mmbalance_plugin.QMFLoss', weight=2.)
]
THREE = ('rgb', 'flow', 'sound')


def numbered(size):
    return [
        dict(data_samples=ActionDataSample(metainfo=dict(sample_idx=i)))
        for i in range(size)
    ]


def started(modalities=THREE, size=106):
    """A model in training, whose samples are the last of so many."""
    model = build(modalities, head='QMFHead', objective=TERMS)
    loop = SimpleNamespace(
        model=model, dataloader=SimpleNamespace(dataset=numbered(size)))
    model.terms[2].start_stage(loop)
    return model, loop


def slow_rank_loss(logits, history):
    """Of one modality; history of those of this batch, unscaled."""
    low, high = min(history), max(history)
    total = 0.
    for i in range(len(logits)):
        j = (i + 1) % len(logits)
        a, b = ((history[k] - low) / (high - low) for k in (i, j))
        conf = [torch.logsumexp(logits[k], 0) / 10 for k in (i, j)]
        sign = (a > b) - (a < b)
        total = total + (sign * (conf[0] - conf[1]) - abs(a - b)).clamp(min=0)
    return total / len(logits)


def test_losses_by_hand_over_three_epochs():
    model, _ = started()
    term = model.terms[2]
    past = {m: [] for m in THREE}
    for epoch in range(3):
        # Other inputs each time, so that the history is a mean of many.
        inputs, samples = batch(THREE, seed=epoch)
        inputs = {m: 9 * x for m, x in inputs.items()}
        losses = model.eval().loss(inputs, samples)
        alone = model.head.unimodal_logits(model.extract_feat(inputs))
        torch.testing.assert_close(
            losses['loss_cls'], F.cross_entropy(qmf_fuse(alone), targets()))
        for m, z in alone.items():
            expected = torch.zeros(())
            if epoch:
                mean = torch.stack(past[m]).mean(0).tolist()
                expected = 2 * slow_rank_loss(z, mean)
            torch.testing.assert_close(losses[f'loss_rank_{m}'], expected)
            past[m].append(
                F.cross_entropy(z, targets(), reduction='none').detach())
        assert term.end_epoch(None) == {}
    counts = term.state_dict()['known'][1]
    assert counts[:, 100:].eq(3).all() and not counts[:, :100].any()


def test_one_epochs_history_scores_the_next():
    """The golden numbers of the formula, through the term."""
    model, loop = started(('rgb', 'flow'), 103)
    term = model.terms[2]
    known = torch.zeros(2, 2, 103)
    known[:, :, 100:] = torch.tensor([[.4, .25, 3.], [2., 1., 3.]])[:, None]
    term.load_state_dict(dict(known=known))
    term.start_stage(loop)
    inputs, samples = batch(size=3)
    record = model.batch_record(inputs, samples)
    c = torch.tensor([.30, .60, .28])
    # Two equal logits x have the energy x + log 2.
    flat = (10 * c)[:, None] - torch.tensor(2.).log()
    record.unimodal = dict(
        rgb=flat.expand(3, 2), flow=flat.expand(3, 2).clone())
    record.targets = torch.zeros(3, dtype=torch.long)
    losses = term(record)
    assert [float(v) / 2 for v in losses.values()
            ] == pytest.approx([.079167] * 2, abs=1e-6)


def test_what_a_sample_lacks_has_no_history():
    model, _ = started(('rgb', 'flow'))
    inputs, samples = batch()
    inputs['rgb'] = inputs['rgb'][[0, 2, 5]]
    present = Presence(6, dict(rgb=(0, 2, 5)))
    term = model.terms[2]
    for _ in range(2):
        sum(model.loss(inputs, samples, present).values()).backward()
        term.end_epoch(None)
    counts = term.state_dict()['known'][1, :, 100:]
    assert counts.tolist() == [[2, 0, 2, 0, 0, 2], [2] * 6]
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_numbers_that_are_not_finite_are_forgotten():
    model, _ = started(('rgb', 'flow'))
    inputs, samples = batch()
    inputs['rgb'][1] = torch.inf
    model.eval().loss(inputs, samples)
    term = model.terms[2]
    term.end_epoch(None)
    known = term.state_dict()['known']
    assert known.isfinite().all()
    assert known[1, :, 101].tolist() == [0, 1]


def test_half_precision_is_ranked_in_single():
    model, _ = started(('rgb', 'flow'))
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(*batch())
    assert losses['loss_rank_rgb'].dtype == torch.float32


def test_validation_leaves_no_history():
    model, _ = started(('rgb', 'flow'))
    with torch.no_grad():
        model.loss(*batch())
    model.terms[2].end_epoch(None)
    assert not model.terms[2].state_dict()['known'].any()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match='weight'):
        QMFLoss(weight=-1.)
    bare = build(head='QMFHead', objective=TERMS)
    with pytest.raises(RuntimeError, match='StagedTrainLoop'):
        bare.loss(*batch())
    model, _ = started(('rgb', 'flow'), 103)
    with pytest.raises(IndexError, match='105 in a training set of 103'):
        model.loss(*batch())
    model, loop = started(('rgb', 'flow'))
    loop.dataloader.dataset = numbered(3)
    with pytest.raises(ValueError, match='106 samples'):
        model.terms[2].start_stage(loop)
    loop.dataloader.dataset = ConcatDataset([numbered(3), numbered(3)])
    with pytest.raises(ValueError, match='ConcatDataset apart'):
        model.terms[2].start_stage(loop)
    loop.dataloader.dataset = [dict(data_samples=ActionDataSample())]
    with pytest.raises(ValueError, match='meta_keys'):
        model.terms[2].start_stage(loop)


def cfg(work_dir, epochs=3, **merge):
    return digits_cfg(
        work_dir,
        dict(max_epochs=epochs),
        head='QMFHead',
        n_train=96,
        n_val=64,
        model=dict(objective=TERMS),
        default_hooks=dict(checkpoint=dict(interval=1, max_keep_ckpts=-1)),
        **merge)


def history(runner):
    return runner.model.terms[2].state_dict()


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole = train(cfg(tmp_path / 'whole'))
    again = cfg(tmp_path / 'again')
    again.load_from = str(tmp_path / 'whole' / 'epoch_2.pth')
    again.resume = True
    again = train(again)
    assert_same(weights(whole), weights(again))
    assert_same(history(whole), history(again))


def rank_run(folder):
    config = cfg(f'{folder}/{get_rank()}', epochs=2)
    config.launcher = 'pytorch'
    runner = train(config)
    term = runner.model.module.terms[2]
    return dict(known=term._known, **weights(runner))


def test_ranks_share_one_history(tmp_path):
    first, second = run_ranks(rank_run, 2, str(tmp_path))
    assert_same(first, second)
    assert first['known'][1].eq(2).all()  # each sample, in each epoch
