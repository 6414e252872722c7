"""Predictions of clips in memory, with each modality's share."""
import copy
import itertools
import json
import math

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample

from mmbalance_plugin.apis import (
    ClipError,
    MultimodalInferencer,
    prediction_table,
)
from tests.apis.inferencer_utils import (
    CLASSES,
    HEADS,
    WIDTHS,
    make,
    predicted,
    random_clips,
    save_model,
    tiny_config,
    trained_model,
)

THREE = ('audio', 'visual', 'depth')


def features_of(model, clip):
    data = model.data_preprocessor(
        dict(inputs={m: [x] for m, x in clip.items()}), False)
    with torch.no_grad():
        return model.extract_feat(data['inputs'])


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('modalities', [('visual', ), THREE])
def test_equals_the_models_own_predictions(tmp_path, head, modalities):
    inferencer, model = make(tmp_path, head, modalities)
    clips = random_clips(5, modalities)
    for result, sample in zip(inferencer(clips, batch_size=2),
                              predicted(model, clips)):
        assert result.label == sample.pred_label.item()
        assert result.name == CLASSES[result.label]
        np.testing.assert_allclose(
            result.scores, sample.pred_score, rtol=1e-5, atol=1e-7)
        assert result.score == max(result.scores)
        assert tuple(result.modalities) == modalities
        for m in modalities:
            part = result.modalities[m]
            np.testing.assert_allclose(
                part.scores, sample.pred_scores[m], rtol=1e-5, atol=1e-7)
            assert part.label == int(sample.pred_scores[m].argmax())
            assert part.name == CLASSES[part.label]
            assert part.score == max(part.scores)


def coalition_probability(model, features, label, chosen):
    """One clip, one coalition, written down anew."""
    head = model.head
    if hasattr(head, 'combine'):
        if not chosen:
            return 1 / head.num_classes
        logits = torch.stack([
            head.branches[m](features[m])[0] for m in model.modalities
            if m in chosen
        ])
        if head.combine in ('sum_logits', 'sum_log_probs'):
            return logits.sum(0).softmax(0)[label].item()
        weights = torch.ones(len(logits)) / len(logits)
        if head.combine == 'fitted':
            weights = torch.stack([
                head.weights[model.modalities.index(m)]
                for m in model.modalities if m in chosen
            ])
            weights = weights / weights.sum()
        return (weights @ logits.softmax(1))[label].item()
    if head.branches is not None:
        logits = [head.branches[m](features[m])[0] for m in chosen]
        return sum(logits, torch.zeros(4)).softmax(0)[label].item()
    masked = {
        m: x if m in chosen else torch.zeros_like(x)
        for m, x in features.items()
    }
    return head(masked)[0].softmax(0)[label].item()


@pytest.mark.parametrize('value', ['probability', 'log_probability'])
@pytest.mark.parametrize('head', HEADS)
def test_shares_are_shapley_values(tmp_path, head, value):
    inferencer, model = make(tmp_path, head, THREE, value=value)
    clips = random_clips(3, THREE)
    read = (lambda p: p) if value == 'probability' else math.log
    for clip, result in zip(clips, inferencer(clips)):
        features = features_of(model, clip)

        def worth(chosen, features=features, label=result.label):
            with torch.no_grad():
                return read(
                    coalition_probability(model, features, label, chosen))

        shares = dict.fromkeys(THREE, 0.)
        orders = list(itertools.permutations(THREE))
        for order in orders:
            for place, m in enumerate(order):
                gain = worth(order[:place + 1]) - worth(order[:place])
                shares[m] += gain / len(orders)
        for m in THREE:
            assert result.modalities[m].share == pytest.approx(
                shares[m], abs=1e-5)
        assert result.baseline == pytest.approx(worth(()), abs=1e-6)
        total = sum(part.share for part in result.modalities.values())
        assert result.baseline + total == pytest.approx(
            read(result.score), abs=1e-5)


def test_an_unheard_modality_has_no_share(tmp_path):
    config = tiny_config('concat')
    model = trained_model(config)
    with torch.no_grad():
        model.head.fc.weight[:, :8] = 0  # the block of 'audio'
    path = save_model(model, tmp_path / 'model.pth')
    for result in MultimodalInferencer(config, path, 'cpu')(random_clips(4)):
        assert result.modalities['audio'].share == 0
        assert result.modalities['visual'].share == pytest.approx(
            result.score - result.baseline, abs=1e-6)


def test_each_encoder_runs_once_a_clip(tmp_path):
    inferencer, _ = make(tmp_path, 'mlp', THREE)
    seen = dict.fromkeys(THREE, 0)

    def count(module, inputs, output):
        seen[module.modality] += len(output)

    for encoder in inferencer.model.encoders.values():
        encoder.register_forward_hook(count)
    inferencer(random_clips(7, THREE), batch_size=3)
    assert seen == dict.fromkeys(THREE, 7)


@pytest.mark.parametrize('head', ['mlp', 'fitted'])
def test_the_model_is_left_as_it_was(tmp_path, head):
    inferencer, _ = make(tmp_path, head)
    before = copy.deepcopy(inferencer.model.state_dict())
    state = torch.get_rng_state()
    inferencer(random_clips(3))
    for key, value in inferencer.model.state_dict().items():
        assert torch.equal(value, before[key])
    assert torch.equal(torch.get_rng_state(), state)
    assert not inferencer.model.training


def test_batches_do_not_change_results(tmp_path):
    inferencer, _ = make(tmp_path)
    clips = random_clips(5)
    whole = inferencer(clips)
    for batch_size in (1, 2, 5):
        for one, other in zip(whole, inferencer(clips, batch_size)):
            assert one.clip == other.clip
            np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5)
    assert inferencer([]) == []
    with pytest.raises(ValueError, match='batch_size must be positive'):
        inferencer(clips, batch_size=0)


def test_kinds_of_clips_in_memory(tmp_path):
    inferencer, _ = make(tmp_path)
    clip = random_clips(1)[0]
    expected, = inferencer(clip)  # a single one
    arrays = {m: x.numpy() for m, x in clip.items()}
    np.savez(tmp_path / 'clip.npz', **arrays)
    packed = dict(inputs=clip, data_samples=ActionDataSample())
    reversed_order = dict(reversed(clip.items()))
    for same in (arrays, packed, reversed_order, tmp_path / 'clip.npz'):
        result, = inferencer([same])
        assert result.scores == expected.scores
        assert result.modalities == expected.modalities
    assert result.clip == str(tmp_path / 'clip.npz')
    assert [r.clip for r in inferencer([clip, clip])] == ['clip 0', 'clip 1']


def test_stream_reads_no_further_than_its_batch(tmp_path):
    inferencer, _ = make(tmp_path)
    asked = []

    def clips():
        for index, clip in enumerate(random_clips(6)):
            asked.append(index)
            yield clip

    stream = inferencer.stream(clips(), batch_size=2)
    next(stream)
    assert asked == [0, 1]
    assert len(list(stream)) == 5


class TestMissing:

    @pytest.mark.parametrize('head', ['concat', 'mlp'])
    def test_masked_equals_a_zero_feature(self, tmp_path, head):
        inferencer, model = make(tmp_path, head, THREE, missing='mask')
        clip = random_clips(1, THREE)[0]
        features = features_of(model, clip)
        features['depth'].zero_()
        with torch.no_grad():
            expected = model.head(features).softmax(1)[0]
        del clip['depth']
        result, = inferencer(clip)
        np.testing.assert_allclose(result.scores, expected, rtol=1e-5)
        assert result.missing == ('depth', )
        assert result.modalities['depth'] is None
        total = sum(result.modalities[m].share for m in clip)
        assert result.baseline + total == pytest.approx(result.score)

    def test_masked_branch_has_no_vote(self, tmp_path):
        inferencer, model = make(tmp_path, 'mean', missing='mask')
        clip = random_clips(1)[0]
        alone = predicted(model, [clip])[0].pred_scores['visual']
        result, = inferencer(dict(visual=clip['visual']))
        np.testing.assert_allclose(result.scores, alone, rtol=1e-5)

    def test_complete_and_incomplete_clips_mix(self, tmp_path):
        inferencer, _ = make(tmp_path, missing='mask')
        clips = random_clips(4)
        del clips[1]['audio'], clips[2]['visual']
        together = inferencer(clips)
        assert [r.missing for r in together] == [(), ('audio', ),
                                                 ('visual', ), ()]
        for clip, result in zip(clips, together):
            np.testing.assert_allclose(
                inferencer(clip)[0].scores, result.scores, rtol=1e-5)

    def test_packed_samples_say_what_is_missing(self, tmp_path):
        inferencer, _ = make(tmp_path, missing='mask')
        clip = random_clips(1)[0]
        expected, = inferencer(dict(audio=clip['audio']))
        clip['visual'] = torch.zeros(WIDTHS['visual'])
        mask = dict(audio=True, visual=False)
        packed = dict(
            inputs=clip,
            data_samples=ActionDataSample(
                metainfo=dict(modality_mask=mask)))
        assert inferencer(packed)[0].scores == expected.scores

    def test_is_an_error_by_default(self, tmp_path):
        inferencer, _ = make(tmp_path)
        with pytest.raises(ClipError, match=r"no \['visual'\].*missing='mask'"
                           ):
            inferencer(dict(audio=np.zeros(WIDTHS['audio'], 'f4')))
        with pytest.raises(ValueError, match='missing must be one of'):
            make(tmp_path, missing='skip')


class TestClipErrors:

    @pytest.mark.parametrize('clip, message', [
        (dict(audio=[0.] * 6, smell=[0.]),
         r"has \['smell'\], but.*\['audio', 'visual'\]"),
        (7, 'clip 0 is a int'),
        (dict(), 'clip 0 is a dict'),
        (dict(audio=[0.] * 6, visual='a.mp4'), 'others? modalities are arr'),
        (dict(audio=[0.] * 6, visual=None), "'visual' is a NoneType"),
        (dict(audio=[0.] * 6, visual=np.array(['x'])), "'visual' is a ndarr"),
        ('a.mp4', 'a.mp4.*no such file|no test_dataloader'),
        ('a.npz', 'a.npz: no such file'),
    ])
    def test_names_the_clip(self, tmp_path, clip, message):
        inferencer, _ = make(tmp_path)
        with pytest.raises((ClipError, RuntimeError), match=message):
            inferencer([clip])

    def test_values_that_are_not_finite(self, tmp_path):
        inferencer, _ = make(tmp_path)
        clip = random_clips(1)[0]
        clip['visual'][0] = float('nan')
        with pytest.raises(ValueError, match="'visual' of .*clip 0.* NaN"):
            inferencer(clip)

    def test_npz_of_objects(self, tmp_path):
        inferencer, _ = make(tmp_path)
        path = tmp_path / 'evil.npz'
        np.savez(path, audio=np.array([object()]))
        with pytest.raises(ClipError, match='no npz file of plain arrays'):
            inferencer(str(path))


def test_arguments(tmp_path):
    with pytest.raises(ValueError, match='value must be one of'):
        make(tmp_path, value='logit')


def test_config_is_not_changed_and_options_apply(tmp_path):
    config = tiny_config('mean')
    path = save_model(trained_model(config), tmp_path / 'model.pth')
    before = copy.deepcopy(config.to_dict())
    inferencer = MultimodalInferencer(
        config, path, 'cpu', cfg_options={'model.head.combine': 'sum_logits'})
    assert inferencer.model.head.combine == 'sum_logits'
    assert config.to_dict() == before


def test_results_as_text(tmp_path):
    inferencer, _ = make(tmp_path, missing='mask')
    clips = random_clips(2)
    del clips[1]['audio']
    results = inferencer(clips)
    again = json.loads(json.dumps([r.to_dict() for r in results]))
    assert again[0]['name'] == results[0].name
    assert again[0]['modalities']['visual']['share'] == \
        results[0].modalities['visual'].share
    assert again[1]['modalities']['audio'] is None
    header, rule, first, second = prediction_table(results).split('\n')
    assert header.split()[:3] == ['clip', 'fused', 'audio']
    assert set(rule) == {'-'}
    assert f'{results[0].name} {results[0].score:.3f}' in first
    assert f'{results[0].modalities["audio"].share:+.3f}' in first
    assert 'missing' in second
    assert prediction_table([]) == 'no clips'
