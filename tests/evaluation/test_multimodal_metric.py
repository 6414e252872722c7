"""MultimodalMetric: names, values, stages, ranks."""
import math

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator

from mmbalance_plugin.evaluation import MultimodalMetric
from mmbalance_plugin.evaluation.functional import (
    macro_f1,
    mean_average_precision,
)
from mmbalance_plugin.registry import METRICS
from tests.dist_utils import run_ranks

MEASURES = ('top1', 'mean1', 'macro_f1', 'mAP')


def predictions(count=17, modalities=('rgb', 'flow'), fused=True):
    generator = torch.Generator().manual_seed(0)
    samples = []
    for index in range(count):
        scores = torch.rand(3, 4, generator=generator)
        scores[0, index % 4] += .3
        sample = ActionDataSample().set_gt_label(index % 4)
        sample.set_field(
            {m: scores[k]
             for k, m in enumerate(modalities)}, 'pred_scores')
        if fused:
            sample.set_pred_score(scores[2])
        samples.append(sample)
    return samples


def evaluate(samples, batch=5, size=None, **kwargs):
    evaluator = Evaluator(
        dict(type='mmbalance_plugin.MultimodalMetric', **kwargs))
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start:start + batch])
    return evaluator.evaluate(size or len(samples))


def test_names_order_and_values():
    samples = predictions()
    metrics = evaluate(samples)
    assert list(metrics) == [
        f'acc/{name}{suffix}' for suffix in ('', '_rgb', '_flow')
        for name in MEASURES
    ]
    assert all(type(v) is float and 0 <= v <= 1 for v in metrics.values())
    labels = np.arange(17) % 4
    rgb = np.stack([s.pred_scores['rgb'].numpy() for s in samples])
    assert metrics['acc/top1_rgb'] == (rgb.argmax(1) == labels).mean()
    assert metrics['acc/macro_f1_rgb'] == macro_f1(rgb, labels)
    fused = np.stack([s.pred_score.numpy() for s in samples])
    assert metrics['acc/mAP'] == mean_average_precision(fused, labels)
    assert metrics['acc/top1'] == (fused.argmax(1) == labels).mean()


def test_batches_make_no_difference():
    samples = predictions()
    assert evaluate(samples, batch=1) == evaluate(samples, batch=17)


def test_a_unimodal_stage_has_no_fused_measures():
    metrics = evaluate(predictions(modalities=('flow', ), fused=False))
    assert list(metrics) == [f'acc/{name}_flow' for name in MEASURES]
    # One sample without a fused score is enough.
    samples = predictions()
    del samples[-1].pred_score
    assert 'acc/top1' not in evaluate(samples)
    assert 'acc/top1_rgb' in evaluate(samples)


def test_a_recognizer_without_unimodal_scores():
    samples = predictions()
    for sample in samples:
        del sample.pred_scores
    assert list(evaluate(samples)) == [f'acc/{name}' for name in MEASURES]


def test_choice_of_measures_and_prefix():
    metrics = evaluate(predictions(), measures=('mAP', 'top1'), prefix='val')
    assert list(metrics)[:2] == ['val/mAP', 'val/top1']
    with pytest.raises(ValueError, match='mAp'):
        METRICS.build(dict(type='MultimodalMetric', measures=['mAp']))


def test_top_k_beside_the_others():
    samples = predictions()
    metrics = evaluate(samples, measures=('top1', 'top2', 'top3'))
    values = [metrics[f'acc/top{k}_rgb'] for k in (1, 2, 3)]
    assert values == sorted(values) and values[0] < values[2]
    labels = np.arange(17) % 4
    rgb = np.stack([s.pred_scores['rgb'].numpy() for s in samples])
    last = rgb.argmin(1) == labels
    assert values[2] == pytest.approx(1 - last.mean())
    for wrong in ('top0', 'top-1', 'top5 '):
        with pytest.raises(ValueError, match="'top5' and the like"):
            evaluate(samples, measures=('top1', wrong))


def test_results_do_not_leak_into_the_next_evaluation():
    metric = MultimodalMetric()
    for _ in range(2):
        metric.process(None, [s.to_dict() for s in predictions(5)])
        metric.evaluate(5)
    assert not metric.results


@pytest.mark.filterwarnings('ignore')
def test_errors():
    samples = predictions()
    samples[3].pred_scores['flow'][1] = math.nan
    with pytest.raises(ValueError, match="1 of 17 'flow' predictions are NaN"):
        evaluate(samples)
    samples = predictions()
    samples[3].set_gt_label(4)
    with pytest.raises(ValueError, match=r'labels span 0..4.*4 classes'):
        evaluate(samples)
    samples = predictions()
    del samples[8].pred_scores['flow']
    for batch in (1, 17):
        with pytest.raises(ValueError, match="'flow'"):
            evaluate(samples, batch)
    samples = predictions()
    samples[3].set_gt_label([1, 2])
    with pytest.raises(ValueError, match='one label a sample'):
        evaluate(samples)
    samples = predictions()
    samples[3].set_gt_label(torch.tensor([.9]))
    with pytest.raises(ValueError, match=r'evaluated samples must.* 0\.9'):
        evaluate(samples)
    with pytest.raises(ValueError, match='nothing was predicted'):
        evaluate([ActionDataSample().set_gt_label(0)])
    with pytest.raises(ValueError, match='no sample'):
        MultimodalMetric().evaluate(0)


def evaluate_my_share():
    """As DefaultSampler deals: round robin, padded from the start."""
    rank = torch.distributed.get_rank()
    samples = predictions()
    padded = samples + samples[:1]
    return evaluate(padded[rank::2], batch=4, size=17)


def test_ranks_get_the_measures_of_the_whole_set():
    expected = evaluate(predictions())
    for metrics in run_ranks(evaluate_my_share, 2):
        assert metrics == expected


def lacking(**absent):
    """Predictions of which some samples lack a modality."""
    samples = predictions()
    for modality, indices in absent.items():
        for index in indices:
            samples[index].pred_scores.pop(modality)
    for sample in samples:
        sample.set_metainfo(
            dict(modality_mask={
                m: m in sample.pred_scores for m in ('rgb', 'flow')}))
    return samples


@pytest.mark.parametrize('batch', [1, 5, 17])
def test_a_modality_is_measured_where_it_is(batch):
    samples = lacking(rgb=(0, 3, 4), flow=(7, ))
    metrics = evaluate(samples, batch)
    labels = np.arange(17) % 4
    assert list(metrics) == [
        f'acc/{name}{suffix}' for suffix in ('', '_rgb', '_flow')
        for name in MEASURES
    ] + [f'acc/top1@{there}' for there in ('rgb+flow', 'flow', 'rgb')]

    def accuracy(indices, score):
        return np.mean([
            int(score(samples[i]).argmax()) == labels[i] for i in indices])

    there = {m: [i for i, s in enumerate(samples) if m in s.pred_scores]
             for m in ('rgb', 'flow')}
    for m, indices in there.items():
        assert metrics[f'acc/top1_{m}'] == accuracy(
            indices, lambda s, m=m: s.pred_scores[m])
    for suffix, indices in (('', range(17)), ('@flow', (0, 3, 4)),
                            ('@rgb', (7, )),
                            ('@rgb+flow', set(range(17)) - {0, 3, 4, 7})):
        assert metrics[f'acc/top1{suffix}'] == accuracy(
            indices, lambda s: s.pred_score)


def test_a_modality_that_no_sample_has():
    metrics = evaluate(lacking(rgb=range(17)))
    assert 'acc/top1_rgb' not in metrics
    assert metrics['acc/top1@flow'] == metrics['acc/top1']
    samples = lacking(rgb=range(17), flow=range(17))
    for sample in samples:
        del sample.pred_score
    with pytest.raises(ValueError, match=r"all lack \['rgb', 'flow'\]"):
        evaluate(samples)


def test_complete_samples_have_no_further_keys():
    assert list(evaluate(lacking())) == list(evaluate(predictions()))


def several(label, **scores):
    return dict(
        gt_label=torch.tensor(label),
        pred_scores={m: torch.tensor(s) for m, s in scores.items()})


def test_several_labels_have_average_precision_only():
    metric = MultimodalMetric(measures=['mAP'])
    metric.process(None, [several([1., 0.], audio=[.9, .8]),
                          several([0., 1.], audio=[.2, .7])])
    # Of the second label, the other sample ranks first.
    assert metric.evaluate(2) == {'acc/mAP_audio': .75}
    with pytest.raises(ValueError, match=r"\['top1', 'mean1', 'macro_f1'\] "
                       r"are of one class.*measures=\['mAP'\]"):
        MultimodalMetric().process(None, [several([1., 0.], audio=[.9, .8])])
    with pytest.raises(ValueError, match='one label a sample'):
        metric.process(None, [several([1., 0.], audio=[.9, .8]),
                              several([1], audio=[.9, .8])])
    metric.process(None, [several([1., 0.], audio=[.9, .8, .3])])
    with pytest.raises(ValueError, match="2 labels per sample, but the "
                       "'audio' predictions have 3"):
        metric.evaluate(1)
