"""Every joint training logs its scores and ratios, whatever trains it."""
import json

import pytest
import torch
from mmengine.logging import MessageHub

from tests.engine.modulation_toy import batches, build, config, run_cfg, train

MODALITIES = ('rgb', 'flow', 'depth')
KEYS = {f'{kind}_{m}' for kind in ('score', 'ratio') for m in MODALITIES}
EPOCHS = dict(type='EpochBasedTrainLoop')
STAGES = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    stages=[
        dict(name='joint', epochs=3),
        dict(name='alone', train=['rgb'], epochs=1),
        dict(name='again', epochs=1)
    ])


def run(work_dir, loop, **merge):
    """The lines of the log that the training steps wrote."""
    cfg = run_cfg(
        work_dir,
        config(MODALITIES, head='DecisionHead'),
        epochs=3,
        loop=loop,
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
        **merge)
    train(cfg)
    [path] = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize('loop', [EPOCHS, STAGES], ids=['plain', 'staged'])
def test_joint_training_logs_them_from_the_first_update_on(tmp_path, loop):
    lines = run(tmp_path / 'run', loop)
    assert len(lines) == (12 if loop is EPOCHS else 20)
    alone = lines[12:16]
    assert all(KEYS <= line.keys() for line in lines if line not in alone)
    assert not any(KEYS & line.keys() for line in alone)
    for line in lines[:12] + lines[16:]:
        for m in MODALITIES:
            others = [line[f'score_{o}'] for o in MODALITIES if o != m]
            # Logged with some digits.
            assert line[f'ratio_{m}'] == pytest.approx(
                sum(line[f'score_{m}'] / o for o in others) / 2, rel=1e-2)
    # Of the first batch alone, then of batches 2 to 10.
    first, later = lines[0]['ratio_rgb'], lines[9]['ratio_rgb']
    assert all(line['ratio_rgb'] == first for line in lines[:9])
    assert later != first
    assert all(line['ratio_rgb'] == later for line in lines[9:12])


def test_means_since_they_were_last_logged():
    model = build()
    hub, reader = MessageHub.get_current_instance(), model.score_reader('test')
    seen = []
    for size in (8, 8, 4, 8, 8, 8, 8, 8, 8, 2):
        [batch] = batches(1, size=size, seed=len(seen))
        model(**model.data_preprocessor(batch, True), mode='loss')
        seen.append(reader.read())
    for m in model.modalities:
        found = hub.get_scalar(f'train/score_{m}').data[0]
        sums = torch.stack([scores.sums[m] for scores in seen])
        assert found.tolist() == pytest.approx(
            [sums[0].item() / 8, sums[1:].sum().item() / 62])
    assert not [key for key in hub.log_scalars if 'loss' in key]


def test_copies_to_the_host_when_it_logs_and_only_then(monkeypatch):
    model, calls, original = build(), [], torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, 'tolist',
                        lambda self: calls.append(1) or original(self))
    counts = []
    for batch in batches(12, size=2):
        calls.clear()
        model(**model.data_preprocessor(batch, True), mode='loss')
        counts.append(len(calls))
    assert counts == [1] + 8 * [0] + [1] + 2 * [0]


def test_one_may_do_without():
    model = build(score=None)
    for batch in batches(2):
        model(**model.data_preprocessor(batch, True), mode='loss')
    assert not MessageHub.get_current_instance().log_scalars
