"""In-memory data sets inside MMEngine."""
import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmbalance_plugin.datasets import ArrayDataset, Arrays, is_deterministic


class Toys(ArrayDataset):
    loads = 0

    def load_arrays(self):
        self.loads += 1
        return Arrays(
            dict(a=torch.arange(12.).reshape(6, 2), b=torch.arange(6.)),
            torch.tensor([0, 1, 2, 0, 1, 2]), dict(origin=np.arange(6) * 10))


@pytest.fixture(autouse=True)
def scope():
    # The name is that of the instance: one for each test.
    DefaultScope.get_instance('toys', scope_name='mmaction')


PACK = dict(
    type='PackActionInputs',
    collect_keys=('a', 'b'),
    meta_keys=('sample_idx', 'origin'))


def test_items_go_through_the_pipeline():
    seen = []

    def double(info):
        seen.append(sorted(info))
        return {**info, 'a': info['a'] * 2}

    data = Toys(pipeline=[double, PACK])
    item = data[2]
    assert seen == [['a', 'b', 'label', 'needed', 'origin', 'sample_idx']]
    assert item['inputs']['a'].tolist() == [8., 10.]
    assert item['inputs']['b'].tolist() == 2.
    sample = item['data_samples']
    assert sample.gt_label.tolist() == [2]
    assert sample.gt_label.dtype == torch.long
    assert (sample.sample_idx, sample.origin) == (2, 20)
    assert data[-1]['data_samples'].sample_idx == 5
    # The stored tensors are as they were.
    assert data.inputs['a'][2].tolist() == [4., 5.]


def test_lazy_init_loads_once():
    data = Toys(lazy_init=True, pipeline=[])
    assert data.loads == 0
    assert len(data) == 6 and data.labels.tolist()[:2] == [0, 1]
    data[0]
    assert data.loads == 1


@pytest.mark.parametrize('indices, kept', [
    (2, [0, 1]), (-2, [4, 5]), (0, []), (6, list(range(6))),
    (-6, list(range(6))), ([3, 1], [3, 1]), ([], []), ([2, 2, -1], [2, 2, 5]),
    (np.int64(2), [0, 1]), (range(4, 6), [4, 5]), ((np.int32(3), ), [3]),
    (np.array([1, 0], dtype=np.uint8), [1, 0]), (torch.tensor([5]), [5]),
    (torch.tensor(-1), [5])
])
def test_subsets(indices, kept):
    data = Toys()
    subset = data.get_subset(indices)
    for part in (subset, Toys(indices=indices)):
        assert part.ids['origin'].tolist() == [10 * k for k in kept]
        assert part.labels.tolist() == [k % 3 for k in kept]
        assert [part[i]['b'].item() for i in range(len(part))] == kept
        # Positions are those in the subset.
        assert [part[i]['sample_idx'] for i in range(len(part))
                ] == list(range(len(kept)))
    assert len(data) == 6


@pytest.mark.parametrize('indices', [
    True, 2.5, None, '12', 'all', [.9], [True] * 6, np.ones(6, dtype=bool),
    {1: 0}, {2}, [[1]], slice(3)
])
def test_what_is_no_subset(indices):
    with pytest.raises(TypeError, match='number of samples or a list'):
        Toys().get_subset_(indices)


@pytest.mark.parametrize('indices', [7, -7, [0, 6], [-7], np.int64(7)])
def test_more_than_there_is(indices):
    with pytest.raises(IndexError, match='of 6'):
        Toys().get_subset_(indices)


def test_class_aware_wrappers():
    data = Toys()
    assert [data.get_cat_ids(i) for i in range(3)] == [[0], [1], [2]]
    assert len(ConcatDataset([data, Toys()])) == 12


def test_workers_see_the_same():
    loader = dict(
        batch_size=4,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=Toys(pipeline=[PACK]))
    batches = [
        list(Runner.build_dataloader(dict(loader, num_workers=n), seed=3))
        for n in (0, 1)
    ]
    for mine, other in zip(*batches):
        torch.testing.assert_close(
            torch.stack(mine['inputs']['a']),
            torch.stack(other['inputs']['a']))


def test_determinism():
    flip = dict(type='Flip', flip_ratio=.5)
    assert Toys(pipeline=[]).deterministic
    assert Toys(pipeline=[PACK]).deterministic
    assert not Toys(pipeline=[flip, PACK]).deterministic
    # A stranger counts as random, unless it says otherwise.
    assert not is_deterministic([lambda info: info])

    class Mine:
        deterministic = True

    assert is_deterministic([Mine()])
    mine = Mine()
    mine.deterministic = False
    assert not is_deterministic([mine])


class SeveralLabels(Toys):

    def load_arrays(self):
        labels = torch.eye(3, dtype=torch.long).repeat(2, 1)
        labels[0, 2] = 1
        return super().load_arrays()._replace(labels=labels)


def test_samples_of_several_labels():
    data = SeveralLabels(pipeline=[PACK])
    assert data.multi_class and not Toys().multi_class
    assert data[0]['data_samples'].gt_label.tolist() == [1, 0, 1]
    assert [data.get_cat_ids(i) for i in (0, 1)] == [[0, 2], [1]]
    assert data.get_subset([1])[0]['data_samples'].gt_label.tolist() == [
        0, 1, 0]
    with pytest.raises(ValueError, match=r'a 0 or 1 for each of the classes, '
                       r'but have shape \(6, 3\).*and 2 classes'):
        SeveralLabels(metainfo=dict(classes=['x', 'y'])).full_init()
    with pytest.raises(ValueError, match='several labels each'):
        SeveralLabels(pairing='within_class').full_init()
