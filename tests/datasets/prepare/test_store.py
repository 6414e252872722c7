"""A prepared folder is whole, or an error that says how to mend it."""
import json
import os

import numpy as np
import pytest

from mmbalance_plugin.datasets.prepare import PreparedDataError, store

ARRAYS = dict(
    images=np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    labels=np.array([1, 0]),
    mean=np.linspace(0, 1, 5, dtype=np.float32))


def write(root, arrays=None, version=1):
    store.write_arrays(root, 'toys', version, dict(wheel='abc'), arrays
                       or ARRAYS)


def test_round_trip(tmp_path):
    write(tmp_path / 'toys')
    assert store.find_damage(tmp_path / 'toys', 'toys', 1) is None
    for name, array in ARRAYS.items():
        loaded = store.load_array(tmp_path / 'toys', name, 'toys', 1)
        assert loaded.dtype == array.dtype
        np.testing.assert_array_equal(loaded, array)
        loaded += 1  # writable
    manifest = json.loads((tmp_path / 'toys/manifest.json').read_text())
    assert manifest['sources'] == dict(wheel='abc')
    assert manifest['files']['images.npy']['shape'] == [2, 3, 4]


def test_arrays_hold_no_pickle(tmp_path):
    with pytest.raises(ValueError, match='allow_pickle'):
        write(tmp_path, dict(bad=np.array([object()])))


@pytest.mark.parametrize('damage, problem', [
    (lambda p: p.unlink(), 'does not exist'),
    (lambda p: p.write_bytes(p.read_bytes()[:-1]), 'is damaged'),
    (lambda p: p.write_bytes(p.read_bytes()[:-1] + b'\xff'), 'is damaged'),
    (lambda p: p.write_bytes(b''), 'is damaged'),
])
def test_damage_is_named_with_its_cure(tmp_path, damage, problem):
    write(tmp_path)
    path = tmp_path / 'labels.npy'
    damage(path)
    assert store.find_damage(tmp_path, 'toys', 1).startswith(
        f'{path} {problem}')
    with pytest.raises(PreparedDataError) as error:
        store.load_array(tmp_path, 'labels', 'toys', 1)
    assert str(error.value).startswith(f'{path} {problem}')
    assert str(error.value).endswith(
        f'python tools/prepare_data.py toys --out {tmp_path}')
    # The others are still good.
    store.load_array(tmp_path, 'mean', 'toys', 1)


def test_manifest_missing_broken_or_of_another_layout(tmp_path):
    with pytest.raises(PreparedDataError, match='manifest.json does not'):
        store.load_array(tmp_path, 'labels', 'toys', 1)
    write(tmp_path)
    with pytest.raises(PreparedDataError, match='toys in layout 1, needed'):
        store.load_array(tmp_path, 'labels', 'toys', 2)
    with pytest.raises(PreparedDataError, match='is not in manifest'):
        store.load_array(tmp_path, 'none', 'toys', 1)
    for text in ('{"files"', '[]', '{}'):
        (tmp_path / 'manifest.json').write_text(text)
        with pytest.raises(PreparedDataError, match='cannot be read'):
            store.load_array(tmp_path, 'labels', 'toys', 1)
        assert 'cannot be read' in store.find_damage(tmp_path, 'toys', 1)


@pytest.mark.parametrize('step', range(len(ARRAYS) + 1))
@pytest.mark.parametrize('moment', ['before', 'after'])
def test_interruption_never_looks_whole(tmp_path, monkeypatch, step, moment):
    old = {name: array[::-1].copy() for name, array in ARRAYS.items()}
    write(tmp_path, old)
    replace, done = os.replace, []

    def interrupt(source, target):
        stop = len(done) == step
        if moment == 'after' or not stop:
            replace(source, target)
        done.append(target)
        if stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, 'replace', interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    monkeypatch.undo()
    complete = step == len(ARRAYS) and moment == 'after'
    assert (store.find_damage(tmp_path, 'toys', 1) is None) == complete
    store.remove_partial(tmp_path)
    write(tmp_path)
    assert store.find_damage(tmp_path, 'toys', 1) is None
    assert {p.name for p in tmp_path.iterdir()
            } == {'manifest.json', *(f'{name}.npy' for name in ARRAYS)}
