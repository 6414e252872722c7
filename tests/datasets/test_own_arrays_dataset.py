"""Arrays of one's own in files: splits, folds, gaps, and what is refused."""
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from mmbalance_plugin.datasets import OwnArraysDataset, collate_arrays

PACK = dict(
    type='mmbalance_plugin.PackMultimodalInputs',
    inputs=dict(a='a', b='b'),
    meta_keys=('sample_idx', 'row'))


@pytest.fixture(autouse=True)
def scope():
    DefaultScope.get_instance('own arrays', scope_name='mmaction')


def arrays(n=40):
    return dict(
        a=np.arange(n * 2.).reshape(n, 2),
        b=np.arange(n, dtype='>i2').reshape(n, 1),
        label=np.array(['x', 'y'])[np.arange(n) % 2],
        group=np.arange(n) // 4,
        split=np.array(['train'] * (n - 10) + ['val'] * 4 + ['test'] * 6))


@pytest.fixture(params=['folder', 'npz'])
def save(request, tmp_path):
    """Writes arrays with some changed, and says where."""
    def write(**changed):
        found = {**arrays(), **changed}
        if request.param == 'npz':
            np.savez(tmp_path / 'all.npz', **found)
            return str(tmp_path / 'all.npz')
        for name, array in found.items():
            np.save(tmp_path / f'{name}.npy', array)
        return str(tmp_path)
    return write


def data(root, split='train', **kwargs):
    return OwnArraysDataset(root, ('a', 'b'), split, pipeline=[PACK],
                            **kwargs)


def test_rows_of_a_split_by_name(save):
    found = data(save(), 'test')
    assert found.ids['row'].tolist() == list(range(34, 40))
    assert found.metainfo['classes'] == ['x', 'y']
    assert found.labels.tolist() == [0, 1] * 3
    sample = found[1]
    assert sample['inputs']['a'].tolist() == [70., 71.]
    assert sample['inputs']['b'].tolist() == [35]
    assert sample['data_samples'].row == 35
    assert data(save(label=np.arange(40) % 3), 'val').labels.tolist() == [
        0, 1, 2, 0]
    names = data(save(), metainfo=dict(classes=('y', 'x'))).labels
    assert names[:2].tolist() == [1, 0]


def test_every_group_is_in_one_split_and_tests_once(save):
    root, tested = save(), []
    for fold in range(5):
        groups = [set(arrays()['group'][data(root, s, fold=fold).ids['row']])
                  for s in ('train', 'val', 'test')]
        assert [len(g) for g in groups] == [6, 2, 2]
        assert len(set.union(*groups)) == 10
        tested += sorted(groups[2])
    assert sorted(tested) == list(range(10))


def test_rows_of_nan_are_gaps(save):
    a = arrays()['a']
    a[::3] = np.nan
    found = data(save(a=a), 'test', missing='mask')
    assert found.absent['a'].tolist() == [
        False, False, True, False, False, True]
    for part in (found, found.get_subset([2, 0])):
        batch = collate_arrays(part.__getitems__(range(len(part))))
        there = [len(x) > 0 or x.ndim == 1 for x in batch['inputs']['a']]
        assert there == [row % 3 > 0 for row in part.ids['row']]
        assert all(x.ndim == 1 for x in batch['inputs']['b'])
        masks = [s.get('modality_mask') for s in batch['data_samples']]
        assert [m is None for m in masks] == there
    exchanged = data(save(a=a), pairing='within_class', missing='mask')
    assert (torch.from_numpy(exchanged.absent['a']) ==
            exchanged.inputs['a'].isnan().all(1)).all()


def nan(rows, shape=(40, 2)):
    return np.where(np.arange(40)[:, None] == rows, np.nan, np.ones(shape))


@pytest.mark.parametrize('changed, kwargs, message', [
    (dict(a=nan(7)), {}, '"?a.*, row 7, holds NaN .* 0 more; with missing='),
    (dict(a=nan([7, 8])), dict(missing='mask'), 'row 7, holds NaN'),
    (dict(a=np.ones((39, 2))), {}, 'a.* has 39 rows, but .*label.* has 40'),
    (dict(a=np.full(40, 'x')), {}, 'a.* must hold numbers, not <U1'),
    (dict(a=np.array([{}] * 40)), {}, 'a.* cannot be read: .*no Python obj'),
    (dict(split=np.full(40, 'dev')), {}, "split.* must be one of .*'dev'"),
    (dict(split=np.full(40, 'val')), {}, 'split.*: no row is "train"'),
    (dict(group=np.zeros(40)), dict(fold=0), 'group.* has 1 groups'),
    ({}, dict(fold=5), 'fold must be one of'),
    ({}, dict(missing='skip'), 'missing must be one of'),
    ({}, dict(metainfo=dict(classes=['x', 'z'])),
     r'label.*, row 1: "y" is none of the classes'),
    (dict(label=np.arange(40) - 1), {}, 'number 0 is -1'),
    (dict(label=np.full(40, .5)), {}, 'must be class numbers'),
])
def test_what_is_wrong_names_the_file(save, changed, kwargs, message):
    with pytest.raises(ValueError, match=message):
        data(save(**changed), **kwargs)


def test_files_that_are_not_there_or_damaged(save, tmp_path):
    root = save()
    with pytest.raises(ValueError, match="a list of the names .*'ab'"):
        OwnArraysDataset(root, 'ab')
    with pytest.raises(ValueError, match=r"c.* does not exist; there are "
                       r"\['a', 'b', 'group', 'label', 'split'\]"):
        OwnArraysDataset(root, ('a', 'c'))
    (tmp_path / 'all.npz').write_bytes(b'PK\3\4 cut off')
    (tmp_path / 'a.npy').write_bytes(b'\x93NUMPY')
    with pytest.raises(ValueError, match=r'(a\.npy|all\.npz) cannot be read'):
        data(root)
