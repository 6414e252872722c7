"""Batches cut as a whole train, validate and test to the same bits."""
import json

import pytest

from mmbalance_plugin.datasets.transforms import PackMultimodalInputs
from tests.engine.digits import (
    MODALITIES,
    assert_same,
    digits_cfg,
    train,
    weights,
)

UDI = dict(type='mmbalance_plugin.UDITrainLoop', anchor='audio',
           cache_anchor=True)
ALONE = dict(stages=[
    dict(name=m, train=[m], objective='unimodal') for m in MODALITIES])


def method_cfg(folder, method):
    loop, head = dict(max_epochs=2), 'ConcatHead'
    if method in ('udi', 'unimodal'):
        loop.update(UDI if method == 'udi' else ALONE)
        head = 'DecisionHead'
    # The last batch of each split is smaller than the others.
    cfg = digits_cfg(folder, loop, head=head, n_train=72, n_val=40)
    if method == 'opm_ogm_ge':
        cfg.model = dict(
            type='mmbalance_plugin.OPM', recognizer=cfg.model, warmup_epochs=0)
        cfg.optim_wrapper.update(
            type='mmbalance_plugin.OGMOptimWrapper',
            alpha=.5,
            generalization_enhancement=True)
    return cfg


def run(folder, method, monkeypatch, **loader):
    """A run, the predictions on its test data, and the items it made."""
    cfg = method_cfg(folder, method)
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].update(loader)
        cfg[f'{split}_dataloader'].dataset.pipeline = [
            dict(
                type='mmbalance_plugin.PackMultimodalInputs',
                inputs={m: m for m in MODALITIES},
                meta_keys=('sample_idx', ))
        ]
    made, transform = [], PackMultimodalInputs.transform

    def note(self, results):
        made.append(results['sample_idx'])
        return transform(self, results)

    with monkeypatch.context() as patch:
        patch.setattr(PackMultimodalInputs, 'transform', note)
        runner = train(cfg)
    said = [s for data in runner.test_dataloader
            for s in runner.model.test_step(data)]
    return runner, said, made


@pytest.mark.parametrize('method', ['joint', 'opm_ogm_ge', 'udi', 'unimodal'])
def test_bit_for_bit(method, tmp_path, monkeypatch):
    slow, said, made = run(tmp_path / 'slow', method, monkeypatch)
    assert len(made) > 2 * 72
    fast, found, made = run(
        tmp_path / 'fast', method, monkeypatch,
        collate_fn=dict(type='mmbalance_plugin.collate_arrays'))
    # The anchor cache looks at both ends of the data.
    assert made == ([0, 71] if method == 'udi' else [])
    assert_same(weights(slow), weights(fast))
    assert slow.train_loop.assembled_metrics == (
        fast.train_loop.assembled_metrics)
    summaries = [
        json.loads((tmp_path / name / 'summary.json').read_text())
        for name in ('slow', 'fast')
    ]
    for key in ('val', 'test'):
        assert summaries[0][key] == summaries[1][key]
    assert summaries[0]['cost']['encoder_samples'] == (
        summaries[1]['cost']['encoder_samples'])
    assert len(said) == len(found) == 40
    for sample, other in zip(said, found):
        assert sample.metainfo == other.metainfo
        assert sorted(sample.keys()) == sorted(other.keys())
        assert sample.gt_label.equal(other.gt_label)
        assert sample.pred_score.equal(other.pred_score)
