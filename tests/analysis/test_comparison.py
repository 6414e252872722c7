"""Findings and tables of stored records."""
import csv
import json
import re

import numpy as np
import pytest

from mmbalance_plugin.analysis.cells import cost_cells, score_cells
from mmbalance_plugin.analysis.comparison import compare
from mmbalance_plugin.analysis.measures import MEASURES
from mmbalance_plugin.analysis.page import update_page
from mmbalance_plugin.analysis.records import read_record, read_records
from mmbalance_plugin.analysis.rows import make_rows
from mmbalance_plugin.analysis.tables import (
    to_csv,
    to_data,
    to_json,
    to_markdown,
)
from tests.analysis.records import (
    TARGETS,
    N,
    of,
    write,
    write_several,
    wrong,
)


def cells(table, row):
    return [c.strip() for c in table.splitlines()[row].strip('|').split('|')]


@pytest.fixture
def store(tmp_path):
    """Joint, a better method and one that is the same."""
    for seed in range(4):
        for name, share in (('joint', .3), ('udi', .1), ('ogm', .3)):
            write(tmp_path, f'{name}_av_digits', seed,
                  wrong(share + .01 * seed, seed), TARGETS,
                  alone=dict(audio=wrong(.5, seed)),
                  anchor='audio' if name == 'udi' else None)
    return tmp_path


def test_scores_costs_and_verdicts(store):
    found, = of(store)
    assert (found.data, found.baseline.name) == ('av_digits',
                                                 'joint_av_digits')
    table = to_markdown(found)
    assert cells(table, 0) == ['method', 'runs', 'fused', 'audio', 'macro-F1',
                               'ECE', 'log-loss']
    rows = {cells(table, i)[0]: cells(table, i) for i in (2, 3, 4)}
    assert rows['udi'][1:4] == ['4', '88.50 ± 1.29',
                                          '50.00 ± 0.00']
    # Sure of 0.7, and right in 0.885.
    assert rows['udi'][5] == '18.50 ± 1.29'
    cost = cells(table, 8)
    assert cost[1:] == ['-', '100', '30', '2.00', '1.5', '1', '1,234']
    verdicts = {f.row.method: f.verdict for f in found.findings}
    assert verdicts == {'udi': 'helps', 'ogm': 'within noise'}
    assert table.count('\n* ') == 2
    assert '* **Helps** against joint: udi (+20.00).\n' in table
    assert '* **Within noise** of joint: ogm (+0.00).\n' in table
    assert 'against |' not in table  # nothing is held against another row
    assert 'each sample by itself' in table
    assert 'Test of av_digits, mean' in table and 'commit abc; ' in table


def test_what_estimators_and_seeds_cost(tmp_path):
    """Seconds are the fastest seed's, a mean over folds like the rest."""
    for fold, times in enumerate(((9, 4, 5), (2, 7, 8))):
        for seed, seconds in enumerate(times):
            write(tmp_path, 'udi_htad', seed, TARGETS, TARGETS, fold=fold,
                  cost=dict(optimizer_steps=10, estimator_steps=50,
                            encoder_samples=dict(a=seed), params_inference=1,
                            wall_seconds=seconds, peak_memory_bytes=0))
    found, = of(tmp_path)
    head, (row, ) = cost_cells(found)
    assert dict(zip(head, row)).items() >= {
        "estimator's steps": '50', 'seconds, fastest run': '3.0',
        'encoder samples': '1', 'MFLOPs at test': '-'}.items()


def test_the_same_numbers_as_json_and_csv(store):
    found, = of(store)
    data, = json.loads(to_json([found]))
    udi = next(d for d in data['differences']
               if d['method'] == 'udi_av_digits')
    assert udi['difference'] == pytest.approx(.2)
    assert udi['low'] < .2 < udi['high'] and udi['verdict'] == 'helps'
    row = next(r for r in data['rows'] if r['method'] == 'udi_av_digits')
    assert row['scores']['acc/top1'] == pytest.approx([.885, .0129], abs=1e-4)
    lines = list(csv.DictReader(to_csv([found]).splitlines()))
    line, = (x for x in lines if x['method'] == 'udi_av_digits'
             and x['quantity'] == 'acc/top1 minus joint_av_digits')
    assert float(line['value']) == udi['difference']
    assert line['verdict'] == 'helps'
    assert {x['quantity'] for x in lines} >= {'ece', 'wall_seconds'}


def test_levels_are_corrected_for_the_number_of_comparisons(store):
    by_name = {f.row.method: f.level for f in of(store)[0].findings}
    assert by_name == pytest.approx(dict(udi=1 - .05 / 2, ogm=.95))


def test_a_metric_of_a_modality_and_one_of_probabilities(store):
    assert {f.difference.estimate for f in of(store, 'acc/top1_audio')[
        0].findings} == {0}
    found, = of(store, 'log_loss')
    assert {f.row.method: f.verdict for f in found.findings} == {
        'udi': 'helps', 'ogm': 'within noise'}
    # Work dirs elsewhere than beside the records, as those of --store.
    rows = make_rows([
        read_record(r.path, r.work_dir.rename(r.work_dir.with_suffix('.x')))
        for r in read_records([str(store)])])
    assert compare(rows, 'log_loss')[0].findings[0].difference == (
        found.findings[0].difference)
    with pytest.raises(FileNotFoundError, match='predicted classes only'):
        of(store, 'log_loss')
    assert of(store)[0].findings[0]  # which needs no more than classes


def test_what_is_not_there_is_named(store, tmp_path):
    with pytest.raises(ValueError, match=r"'acc/top2' on test; there are "
                       r'acc/top1, .*log_loss'):
        of(store, 'acc/top2')
    with pytest.raises(ValueError, match="no row 'jiont'.*joint_av_digits"):
        of(store, baseline='jiont')
    with pytest.raises(FileNotFoundError, match='--store'):
        of(tmp_path / 'nowhere')


def test_samples_of_one_source_are_resampled_together(tmp_path):
    source = np.repeat(np.arange(20), 10)
    hard = np.random.default_rng(0).permutation(20)[:6]
    bad = np.where(np.isin(source, hard), (TARGETS + 1) % 10, TARGETS)
    for where, ids in (('alone', {}), ('shared', dict(recording=source))):
        for seed in range(3):
            write(tmp_path / where, 'joint_av_digits', seed, bad, TARGETS,
                  ids=ids)
            write(tmp_path / where, 'udi_av_digits', seed, TARGETS, TARGETS,
                  ids=ids)
    alone, shared = (of(tmp_path / where)[0]
                     for where in ('alone', 'shared'))
    assert shared.source == 'recording' and alone.source is None
    wide = [f.findings[0].high - f.findings[0].low for f in (alone, shared)]
    assert wide[1] > 2 * wide[0]
    assert 'samples of one recording together' in to_markdown(shared)


@pytest.mark.parametrize('folds', [3, 5])
def test_three_folds_are_three_verdicts_and_five_are_one(tmp_path, folds):
    for fold in range(folds):
        for seed in range(3):
            for name, share in (('joint', .3), ('udi', .1)):
                write(tmp_path, f'{name}_toy', seed, wrong(share, seed),
                      TARGETS, fold)
    found, = of(tmp_path, baseline='joint_toy')
    expected = [0, 1, 2] if folds == 3 else [None]
    assert [f.fold for f in found.findings] == expected
    assert found.rows[0].score('test', 'acc/top1').deviation == 0
    if folds == 3:
        assert ', +20.00 on fold 2).' in to_markdown(found)
        assert [f.level for f in found.findings] == pytest.approx(
            [1 - .05 / 3, 1 - .05 / 2, .95])


def test_a_run_that_is_missing_makes_no_method_better(tmp_path):
    shares = {0: .5, 1: .3, 2: .1}  # of what is wrong, by fold
    for fold, share in shares.items():
        for seed in range(3):
            for name in ('joint', 'udi'):
                if (name, fold, seed) != ('udi', 0, 1):
                    write(tmp_path, f'{name}_toy', seed,
                          wrong(share + .02 * seed, seed), TARGETS, fold)
    rows = {row.method: row for row in of(tmp_path)[0].rows}
    joint, udi = (rows[f'{n}_toy'].score('test', 'acc/top1')
                  for n in ('joint', 'udi'))
    assert joint == pytest.approx((.68, .02))
    # By the mean of what is there it would be .713 +- .05.
    assert udi == pytest.approx(joint, abs=.005)


def test_data_sets_are_compared_apart(store):
    for seed in range(3):
        write(store, 'joint_multiple_features', seed, wrong(.1), TARGETS)
        write(store, 'udi_multiple_features', seed, TARGETS, TARGETS)
    found = of(store, baseline='joint')
    assert [(c.data, len(c.rows)) for c in found] == [
        ('av_digits', 3), ('multiple_features', 2)]


def test_other_samples_and_runs_given_twice_are_refused(store, tmp_path):
    write(store, 'opm_av_digits', 0, TARGETS, TARGETS)
    other = np.roll(TARGETS, 1)
    write(store, 'opm_av_digits', 1, other, other)
    with pytest.raises(ValueError, match='other samples'):
        of(store)
    twice = tmp_path / 'twice'
    for name in ('one', 'other'):
        write(twice / name, 'joint_av_digits', 0, TARGETS, TARGETS)
    with pytest.raises(ValueError, match='the same run'):
        of(twice)
    assert len(make_rows(read_records([str(twice / 'one')] * 2))) == 1


@pytest.mark.parametrize('change, problem', [
    (lambda text: text[:100], ''),
    (lambda text: '', 'Expecting value'),
    (lambda text: '[1]', 'it lacks config, options'),
    (lambda text: text.replace('"samples"', '"tested"'), 'it lacks samples'),
    (lambda text: text.replace('wall_seconds', 'seconds'),
     'it lacks cost.wall_seconds'),
    (lambda text: re.sub('"samples": ".*?"', '"samples": "gone"', text),
     'it lacks .*samples/gone.json'),
])
def test_a_damaged_record_is_named(store, change, problem):
    path = next(store.glob('joint*/seed_2.json'))
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match='seed_2.json is damaged or of '
                       rf'another version \({problem}'):
        of(store)


def test_published_numbers_stand_in_a_column_of_their_own(store):
    published = {'udi_av_digits': [dict(value=99.1, source='A'),
                                   dict(value=98, source='B')],
                 'ogm_av_digits::a=1': [dict(value=97.5, source='C')]}
    write(store, 'ogm_av_digits', 0, wrong(.3), TARGETS, options=('a=1', ))
    found, = of(store)
    plain = to_markdown(found)
    table = to_markdown(found, published)
    assert cells(table, 0)[-1] == 'published, other protocol'
    assert {cells(table, i)[0]: cells(table, i)[-1] for i in range(2, 6)} == {
        'joint': '-', 'ogm': '-', 'ogm a=1': '97.5 (C)',
        'udi': '99.1 (A); 98 (B)'}
    # Nothing else in the tables knows of them.
    rest = [line.rsplit(' | ', 1)[0] for line in table.splitlines()[:6]]
    assert rest == [line[:-2] for line in plain.splitlines()[:6]]
    assert table.split('\n\n')[1:] == plain.split('\n\n')[1:]


def test_accuracy_by_what_was_there_is_a_column_each(tmp_path):
    record = write(tmp_path, 'joint_av_digits', 0, TARGETS, TARGETS,
                   alone=dict(audio=wrong(.5)))
    record.data['test'].update({'acc/top1@audio+visual': .9,
                                'acc/top1@audio': .7, 'acc/mean1@audio': .1})
    found, = compare(make_rows([record]))
    head, (row, ) = score_cells(found)
    assert head[3:7] == ['audio', '@audio+visual', '@audio', 'macro-F1']
    assert row[4:6] == ['90.00', '70.00']


def test_a_modality_that_samples_lack_is_compared_where_it_is(tmp_path):
    for seed in range(3):
        for name, share in (('joint', .5), ('udi', 0.)):
            record = write(tmp_path, f'{name}_av_digits', seed, TARGETS,
                           TARGETS, alone=dict(audio=wrong(share, seed)),
                           lacks=dict(audio=np.arange(N) < 100))
            rows = record.probabilities(MEASURES['acc/top1'], '_audio')
            assert np.isnan(rows[:100]).all()
            assert rows[100:].argmax(1).tolist() == wrong(
                share, seed)[100:].tolist()
    found, = of(tmp_path, 'acc/top1_audio')
    expected = np.mean([(wrong(.5, seed) != TARGETS)[100:].mean()
                        for seed in range(3)])
    assert found.findings[0].difference.estimate == pytest.approx(expected)


def test_a_record_is_small(store):
    assert max(p.stat().st_size for p in store.glob('*/seed_*.json')) < 4000
    assert len(list(store.glob('samples/*.json'))) == 1


def test_validation_has_no_differences(store):
    found, = of(store, split='val')
    assert not found.findings and to_data(found)['differences'] == []


def test_a_page_is_written_between_its_marks(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('Before.\n<!-- compare.py --from a b -->\nold\n'
                    '<!-- end -->\nAfter.\n')
    for _ in range(2):
        update_page(page, ' + '.join)
        assert page.read_text() == (
            'Before.\n<!-- compare.py --from a b -->\n\n--from + a + b\n'
            '<!-- end -->\nAfter.\n')
    page.write_text('No marks.')
    with pytest.raises(ValueError, match='compare.py'):
        update_page(page, str)


def test_several_labels_are_compared_by_map_and_differ_in_log_loss(tmp_path):
    generator = np.random.default_rng(0)
    targets = (generator.random((60, 4)) < .3).astype(np.float32)
    for seed in range(3):
        noise = generator.random((2, 60, 4)).astype(np.float32)
        for name, sure, own in (('joint', .4, 0), ('udi', .8, 1)):
            p = sure * targets + (1 - sure) * noise[own]
            record = write_several(tmp_path, f'{name}_toy', seed, p, targets)
            y = targets == 1
            assert record.scores('test')['log_loss'] == pytest.approx(
                -np.log(np.where(y, p, 1 - p)).mean(), rel=1e-4)
            assert 'ece' not in record.scores('test')
    assert record.tested.targets.tolist() == targets.tolist()
    found, = of(tmp_path, baseline='joint_toy')
    assert found.metric == 'acc/mAP' and found.modalities == ['audio']
    assert found.findings == []
    text = to_markdown(found)
    assert '60.00' in text and 'No differences in acc/mAP' in text
    assert 'there are some with `--metric log_loss`.' in text
    assert to_csv([found]) and to_json([found])
    found, = of(tmp_path, metric='log_loss', baseline='joint_toy')
    assert found.findings[0].verdict == 'helps'
    with pytest.raises(ValueError, match="no run has 'acc/top1'"):
        of(tmp_path, metric='acc/top1')


def test_recordings_that_all_folds_test_are_resampled_in_all_of_them(tmp_path):
    source = np.repeat(np.arange(20), 10)
    hard = np.random.default_rng(0).permutation(20)[:6]
    bad = np.where(np.isin(source, hard), (TARGETS + 1) % 10, TARGETS)
    errors = []
    for step in (0, 20):  # the same recordings in each fold, or others
        store = tmp_path / str(step)
        for fold in range(5):
            ids = dict(recording=source + step * fold)
            for seed in range(3):
                for name, classes in (('joint', bad), ('udi', TARGETS)):
                    write(store, f'{name}_toy', seed, classes, TARGETS, fold,
                          ids=ids)
        found, = of(store)
        errors.append(found.findings[0].difference.error)
    assert errors[0] == pytest.approx(errors[1] * 5**.5)
