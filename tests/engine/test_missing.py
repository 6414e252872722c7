"""Runs on data of which clips lack a modality: one rule everywhere."""
import copy
from unittest import mock

import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS
from torch.utils.data import default_collate

from mmbalance_plugin.apis import MultimodalInferencer
from mmbalance_plugin.engine.hooks import RelearningHook
from mmbalance_plugin.engine.udi import AnchorGuidance
from tests.apis.inferencer_utils import save_model
from tests.engine.digits import MODALITIES, digits_cfg, train, weights

SOUNDLESS = (1, 4, 7)  # of ten clips


@TRANSFORMS.register_module()
class LackTest(BaseTransform):
    """Three clips of ten have no sound, one in twenty no picture."""

    deterministic = True

    def transform(self, results):
        number = results['sample_idx']
        if number % 10 in SOUNDLESS:
            results['masked_keys'] = {'audio', 'one'}
        elif number % 20 == 10:
            results['masked_keys'] = {'visual'}
        return results


def lacking_cfg(work_dir, loop, head='DecisionHead', **merge):
    cfg = digits_cfg(work_dir, loop, head=head, **merge)
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.pipeline = [
            dict(type='LackTest'),
            dict(
                type='mmbalance_plugin.PackMultimodalInputs',
                inputs={m: m for m in MODALITIES})
        ]
    return cfg


JOINT = dict(max_epochs=2)
UDI = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=2)


@pytest.fixture(
    scope='module', params=['DecisionHead', 'SumHead', 'ConcatHead'])
def joint(request, tmp_path_factory):
    """A trained run, what it tests and what it says of each clip."""
    cfg = lacking_cfg(
        tmp_path_factory.mktemp('joint'), JOINT, request.param)
    runner = train(copy.deepcopy(cfg))
    metrics = runner.test_loop.run()
    said = []
    with torch.no_grad():
        for data in runner.test_dataloader:
            said += runner.model.test_step(data)
    return cfg, runner, metrics, said


def right(scores, sample):
    return int(scores.argmax()) == int(sample.gt_label)


def branch(runner, modality, index):
    """A clip's probabilities by one modality, through nothing but its own
    encoder."""
    model = runner.model
    dataset = runner.test_dataloader.dataset
    value = default_collate([dataset.inputs[modality][index]])
    with torch.no_grad():
        feature = model.encoders[modality](value)
        return model.head.unimodal_logits({modality: feature}
                                          )[modality].softmax(1)[0]


def test_clips_without_sound_get_what_the_picture_says(joint):
    _, runner, metrics, said = joint
    mute = [s for s in said if s.sample_idx % 10 in SOUNDLESS]
    assert len(mute) == round(.3 * len(said))
    alone = [branch(runner, 'visual', s.sample_idx) for s in mute]
    accuracy = sum(map(right, alone, mute)) / len(mute)
    for scores, sample in zip(alone, mute):
        assert list(sample.pred_scores) == ['visual']
        torch.testing.assert_close(sample.pred_scores['visual'], scores)
        if runner.model.head.branches is not None:
            torch.testing.assert_close(sample.pred_score, scores)
    if runner.model.head.branches is not None:
        assert metrics['acc/top1@visual'] == accuracy


def test_accuracies_are_of_what_is_there(joint):
    _, _, metrics, said = joint
    for name in MODALITIES:
        hits = [right(s.pred_scores[name], s) for s in said
                if name in s.pred_scores]
        assert len(hits) < len(said)
        assert metrics[f'acc/top1_{name}'] == sum(hits) / len(hits)
    groups = {'audio+visual': [], 'audio': [], 'visual': []}
    for sample in said:
        groups['+'.join(sample.pred_scores)].append(
            right(sample.pred_score, sample))
    for name, hits in groups.items():
        assert metrics[f'acc/top1@{name}'] == sum(hits) / len(hits)
    assert metrics['acc/top1'] == sum(map(sum, groups.values())) / len(said)


def test_inference_says_what_testing_says(joint):
    cfg, runner, _, said = joint
    path = save_model(runner.model, f'{runner.work_dir}/assembled.pth')
    inferencer = MultimodalInferencer(cfg, path, 'cpu', missing='mask')
    dataset = runner.test_dataloader.dataset
    found = inferencer(dataset[i] for i in range(len(dataset)))
    for one, sample in zip(found, said):
        torch.testing.assert_close(
            torch.tensor(one.scores), sample.pred_score)
        assert one.label == int(sample.pred_label)
        assert set(MODALITIES) - set(one.missing) == set(sample.pred_scores)


@pytest.mark.parametrize('cached', [True, False])
def test_udi_is_guided_where_both_are_there(tmp_path, cached):
    """The anchor's outputs of clips without it are never looked at."""
    cfg = lacking_cfg(
        tmp_path, dict(UDI, cache_anchor=cached, anchor='audio'),
        model=dict(head=dict(combine='fitted')))
    seen = []
    terms = AnchorGuidance.terms

    def spy(self, record, **kwargs):
        gone = [s.sample_idx for s in record.samples
                if s.sample_idx % 10 in SOUNDLESS]
        for cache in self.caches.values():
            cache.features[gone] = float('nan')
            cache.logits[gone] = float('nan')
        found = terms(self, record, **kwargs)
        seen.append(found)
        return found

    with mock.patch.object(AnchorGuidance, 'terms', spy):
        runner = train(cfg)
    assert len(seen) > 10
    assert all(t.isfinite() for found in seen for t in found.values())
    assert all(v.isfinite().all() for v in weights(runner).values())
    assert runner.model.head.weights.sum() == pytest.approx(1)
    assert runner.train_loop.choice.accuracy['audio'] > 0


def test_relearning_judges_clips_that_have_the_modality(joint):
    _, runner, _, _ = joint
    hook = RelearningHook()
    seen = []
    with mock.patch.object(
            RelearningHook, '_purity',
            lambda self, features, targets: seen.append(
                (features, targets)) or .5):
        assert set(hook.diagnose(runner, runner.model).values()) == {0.}
    sizes = []
    for split in ('train', 'val'):
        count = len(getattr(runner, f'{split}_loop').dataloader.dataset)
        mute = sum(i % 10 in SOUNDLESS for i in range(count))
        blind = sum(i % 20 == 10 for i in range(count))
        sizes += [count - mute, count - blind]
    assert [len(f) for f, _ in seen] == [len(t) for _, t in seen] == sizes
    assert all(f.any(dim=1).all() for f, _ in seen)
