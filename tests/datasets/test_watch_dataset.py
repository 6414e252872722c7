"""Watch: windows, folds, and a pickle that may hold nothing else."""
import io
import os
import pickle

import numpy as np
import pytest
import torch

from mmbalance_plugin.datasets import WatchDataset
from mmbalance_plugin.datasets.prepare import PREPARERS, PreparationError
from mmbalance_plugin.datasets.prepare.watch import WatchSource
from tests.datasets.fake_wheels import fake_package, fake_watch

SPLITS = ('train', 'val', 'test')


@pytest.fixture
def build(fake_data):

    def build(split='train', **kwargs):
        return WatchDataset(
            split, data_root=str(fake_data('watch')), **kwargs)

    return build


def test_nobody_is_in_two_splits(build):
    tested = []
    for fold in range(5):
        people = [set(build(s, fold=fold).ids['subject']) for s in SPLITS]
        assert [len(x) for x in people] == [6, 2, 2]
        assert len(set.union(*people)) == 10
        assert people[2] == {2 * fold + 1, 2 * fold + 2}
        tested += people[2]
    assert sorted(tested) == list(range(1, 11))
    with pytest.raises(ValueError, match='fold must be one of .*got 5'):
        build(fold=5)


def test_windows_of_a_recording_are_one_group(build):
    """Cut one after the other, from the start, without overlap."""
    data = [build(split) for split in SPLITS]
    window, group, label, subject = (np.concatenate(x) for x in zip(*(
        (d.ids['window'], d.ids['group'], d.labels.numpy(),
         d.ids['subject']) for d in data)))
    assert sorted(window) == list(range(len(window)))
    order = np.argsort(window)
    assert (np.diff(group[order]) >= 0).all()
    assert len(set(group)) == 70
    assert len(set(zip(group, label, subject))) == 70
    # Signals of 150 to 329 samples: one to three windows each.
    assert set(np.bincount(group)) == {1, 2, 3}


def test_axes_are_standardised_by_the_training_windows(build, fake_data):
    raw = np.load(fake_data('watch') / 'gyroscope.npy')
    train, test = build(), build('test')
    rows = raw[train.ids['window']]
    mean, std = rows.mean((0, 2))[:, None], rows.std((0, 2))[:, None]
    assert train.inputs['gyroscope'].shape[1:] == (3, 1, 100)
    np.testing.assert_allclose(
        test.inputs['gyroscope'][:, :, 0],
        (raw[test.ids['window']] - mean) / std, atol=1e-4)


def test_windows_are_the_recordings(tmp_path):
    spec = fake_watch(tmp_path, np.random.default_rng(5))
    PREPARERS['watch'].run(tmp_path / 'out', tmp_path, spec)
    values = [np.load(tmp_path / 'out' / f'{m}.npy')
              for m in ('accelerometer', 'gyroscope')]
    # As fake_watch draws them.
    rng = np.random.default_rng(5)
    order = rng.permutation([(c, s) for c in range(7) for s in range(1, 11)])
    lengths = rng.integers(150, 330, len(order))
    signal = rng.normal(size=(lengths[0], 6)) + order[0][0]
    for modality, array in enumerate(values):
        np.testing.assert_allclose(
            array[0], signal[:100, 3 * modality:][:, :3].T, rtol=1e-6)


class Evil:

    def __reduce__(self):
        return os.mkdir, ('made', )


def test_a_pickle_that_runs_something_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = np.empty((), object)
    content[()] = dict(X=Evil())
    buffer = io.BytesIO()
    np.save(buffer, content, allow_pickle=True)
    package = fake_package(tmp_path, 'evil', {
        'seglearn/data/watch_dataset.npy': buffer.getvalue()})
    with pytest.raises(pickle.UnpicklingError, match='is not allowed'):
        PREPARERS['watch'].run(tmp_path / 'out', tmp_path,
                               WatchSource(package))
    assert not os.path.exists('made')


def test_wrong_counts_are_an_error(tmp_path):
    spec = fake_watch(tmp_path, np.random.default_rng(0))
    for other, match in ((WatchSource(spec.package, 2, spec.windows),
                          'has 70 recordings'),
                         (WatchSource(spec.package, 1), 'expected 2369')):
        with pytest.raises(PreparationError, match=match):
            PREPARERS['watch'].run(tmp_path / 'out', tmp_path, other)


def test_the_real_data(prepared):
    root = str(prepared('watch'))
    counts = [len(WatchDataset(s, data_root=root)) for s in SPLITS]
    assert counts == [1505, 307, 557]
    data = WatchDataset(data_root=root)
    assert torch.bincount(data.labels).tolist() == [
        160, 250, 256, 234, 231, 181, 193]
    assert len(set(data.ids['group'])) == 84
    assert data.metainfo['classes'][0] == 'PEN'
