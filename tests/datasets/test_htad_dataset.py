"""HTAD: protocols, on generated data of the file's layout."""
import numpy as np
import pytest

from mmbalance_plugin.datasets import HTADDataset
from mmbalance_plugin.datasets.prepare import PREPARERS, PreparationError
from mmbalance_plugin.datasets.prepare.htad import HTADSource
from tests.datasets.fake_wheels import fake_htad

SPLITS = ('train', 'val', 'test')


@pytest.fixture
def build(fake_data):

    def build(split='train', **kwargs):
        return HTADDataset(split, data_root=str(fake_data('htad')), **kwargs)

    return build


def test_a_block_is_left_out(build, fake_data):
    labels = np.load(fake_data('htad') / 'labels.npy')
    for fold, test in enumerate((210, 203, 189)):
        parts = {s: build(s, fold=fold) for s in SPLITS}
        rows = {s: d.ids['window'] for s, d in parts.items()}
        assert sorted(np.concatenate(list(rows.values()))) == list(range(602))
        assert len(rows['test']) == test
        assert set(parts['test'].ids['block']) == {fold}
        # 30, 29 or 27 windows each: the last six validate.
        for key in {*parts['val'].ids['group']}:
            late, early = (
                rows[s][parts[s].ids['group'] == key]
                for s in ('val', 'train'))
            assert len(late) == 6 and late.min() > early.max()
        assert len(rows['val']) == 84
        for split, data in parts.items():
            assert (data.labels.numpy() == labels[rows[split]]).all()
    with pytest.raises(ValueError, match='fold must be one of .*got 3'):
        build(fold=3)


def test_random_folds_are_alike(build):
    tested = []
    for fold in range(5):
        parts = {s: build(s, fold=fold, protocol='random') for s in SPLITS}
        counts = np.array([np.bincount(d.labels) for d in parts.values()])
        assert (counts.sum(0) == 86).all()
        assert set(counts[1:].flat) <= {17, 18}
        tested += parts['test'].ids['window'].tolist()
    assert sorted(tested) == list(range(602))
    with pytest.raises(ValueError, match='protocol must be one of'):
        build(protocol='loso')


def test_recordings_are_runs_of_one_activity(build):
    data = [build(split) for split in SPLITS]
    found = {x for d in data for x in zip(
        d.ids['group'], d.ids['block'], d.labels.tolist())}
    assert len(found) == 21
    assert {x[0] for x in found} == set(range(21))


def test_every_feature_is_standardised_by_the_training_split(build, fake_data):
    raw = np.load(fake_data('htad') / 'accelerometer.npy').astype(float)
    train, test = build(), build('test')
    rows = raw[train.ids['window']]
    np.testing.assert_allclose(
        test.inputs['accelerometer'],
        (raw[test.ids['window']] - rows.mean(0)) / rows.std(0), atol=1e-4)
    assert train.inputs['audio'].shape[1:] == (36, )


def test_the_licence_is_printed(tmp_path, capsys):
    spec = fake_htad(tmp_path, np.random.default_rng(0))
    PREPARERS['htad'].run(tmp_path / 'out', tmp_path, spec)
    printed = capsys.readouterr().out
    assert 'research and education' in printed and 'cites' in printed


@pytest.mark.parametrize('blocks, match', [
    ((0, 466, 932, 1386), 'expected 1386'),
    ((0, 3, 100, 602), 'lacks an activity')])
def test_wrong_counts_are_an_error(tmp_path, blocks, match):
    spec = fake_htad(tmp_path, np.random.default_rng(0))
    with pytest.raises(PreparationError, match=match):
        PREPARERS['htad'].run(tmp_path / 'out', tmp_path,
                              HTADSource(spec.package, blocks))


def test_other_columns_are_an_error(tmp_path):
    spec = fake_htad(tmp_path, np.random.default_rng(0),
                     widths=dict(audio=36, accelerometer=15))
    with pytest.raises(PreparationError, match="'accelerometer': 15"):
        PREPARERS['htad'].run(tmp_path / 'out', tmp_path, spec)


def test_make_does_not_fetch_it(root):
    names, = (line.split(':=')[1].split() for line in (
        root / 'Makefile').read_text().splitlines()
        if line.startswith('DATASETS'))
    assert 'htad' not in names


def test_the_real_data(prepared):
    root = str(prepared('htad'))
    counts = [[len(HTADDataset(s, fold=fold, data_root=root))
               for s in SPLITS] for fold in range(3)]
    assert [x[2] for x in counts] == [466, 466, 454]
    assert {sum(x) for x in counts} == {1386}
    data = HTADDataset('test', data_root=root)
    assert len(set(data.ids['group'])) == 8
    assert np.bincount(data.labels).tolist() == [59, 153, 56, 47, 49, 36, 66]
