"""Clips with several labels."""
import csv
import io
import json

import numpy as np
import pytest
import torch

from mmbalance_plugin.apis import (
    MultimodalInferencer,
    prediction_csv,
    prediction_table,
)
from tests.apis.inferencer_utils import (
    CLASSES,
    predicted,
    random_clips,
    save_model,
    tiny_config,
    trained_model,
)

NAMES = ('audio', 'visual')


def several(tmp_path, head, **kwargs):
    config = tiny_config(head)
    config.model.head.multi_class = True
    model = trained_model(config)
    return MultimodalInferencer(
        config, save_model(model, tmp_path / 'model.pth'), 'cpu', CLASSES,
        **kwargs), model


@pytest.mark.parametrize('head', ['concat', 'mean', 'fitted', 'mlp'])
def test_labels_with_their_shares(tmp_path, head):
    inferencer, model = several(tmp_path, head)
    clips = random_clips(6)
    limit = float(torch.stack([
        s.pred_score for s in predicted(model, clips)]).median()) - 1e-3
    inferencer.threshold = limit
    counts = set()
    for result, sample in zip(inferencer(clips, 4), predicted(model, clips)):
        np.testing.assert_allclose(result.scores, sample.pred_score, 1e-5)
        found = [label.label for label in result.labels]
        p = sample.pred_score
        assert found == [c for c in p.argsort(descending=True).tolist()
                         if p[c] >= limit]
        counts.add(len(found))
        for label in result.labels:
            assert label.name == CLASSES[label.label]
            assert label.score == result.scores[label.label]
            assert label.baseline + sum(label.shares.values()) == \
                pytest.approx(label.score, abs=1e-5)
            for m in NAMES:
                assert label.alone[m] == pytest.approx(
                    sample.pred_scores[m][label.label].item(), abs=1e-6)
        if head == 'mean':  # nobody says anything
            assert all(x.baseline == pytest.approx(.5) for x in result.labels)
        if result.labels:  # the likeliest is what stands above
            first = result.labels[0]
            assert (result.label, result.baseline) == (
                first.label, pytest.approx(first.baseline))
            assert result.modalities['audio'].share == pytest.approx(
                first.shares['audio'])
    assert len(counts) > 1


def test_shares_of_a_sum_by_hand(tmp_path):
    inferencer, model = several(tmp_path, 'sum', threshold=0.)
    clip, = random_clips(1)
    result = inferencer(clip)[0]
    assert len(result.labels) == len(CLASSES)
    alone = {m: torch.tensor(result.modalities[m].scores).logit()
             for m in NAMES}
    audio = .5 * (alone['audio'].sigmoid() - .5 +
                  sum(alone.values()).sigmoid() - alone['visual'].sigmoid())
    for label in result.labels:
        assert label.shares['audio'] == pytest.approx(
            audio[label.label].item(), abs=1e-5)


def test_text(tmp_path):
    inferencer, _ = several(tmp_path, 'mean', threshold=.45, missing='mask')
    results = inferencer([*random_clips(3), random_clips(1, ['audio'])[0]])
    some, last = results[0], results[-1]
    table = prediction_table(results).split('\n')[2:]
    rows = list(csv.DictReader(io.StringIO(prediction_csv(results))))
    assert len(table) == len(rows) == sum(
        max(1, len(r.labels)) for r in results)
    label = some.labels[0]
    assert f'{label.name} {label.score:.3f}' in table[0]
    assert f'{label.shares["audio"]:+.3f}' in table[0]
    assert rows[0]['label'] == label.name
    assert float(rows[0]['visual_share']) == label.shares['visual']
    assert 'missing' in table[-1] and rows[-1]['visual_score'] == ''
    assert json.loads(json.dumps(last.to_dict()))['labels'][0]['alone'].keys(
    ) == {'audio'}
    none = MultimodalInferencer(
        inferencer.config, tmp_path / 'model.pth', 'cpu', threshold=1.)
    results = none(random_clips(1))
    assert results[0].labels == () and ' none ' in prediction_table(results)
    assert prediction_csv(results).endswith(',,,,,,,,,\n')


def test_one_class_has_no_threshold(tmp_path):
    config = tiny_config('mean')
    path = save_model(trained_model(config), tmp_path / 'model.pth')
    with pytest.raises(ValueError, match='threshold=0.3 is for several'):
        MultimodalInferencer(config, path, 'cpu', threshold=.3)
    with pytest.raises(ValueError, match='threshold=2 is no probability'):
        MultimodalInferencer(config, path, 'cpu', threshold=2)
    results = MultimodalInferencer(config, path, 'cpu', CLASSES)(
        random_clips(2))
    assert results[0].labels is None
    rows = list(csv.DictReader(io.StringIO(prediction_csv(results))))
    for row, result in zip(rows, results):
        assert row['label'] == result.name
        assert row['audio_label'] == result.modalities['audio'].name
        assert float(row['audio_share']) == result.modalities['audio'].share
    assert prediction_csv([]) == 'clip,label,score,baseline\n'
