"""A batch cut as a whole is the one that its samples make."""
import pickle

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset, pseudo_collate
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Subset, default_collate

from mmbalance_plugin.datasets import (
    ArrayDataset,
    Arrays,
    array_dataset,
    collate_arrays,
)
from mmbalance_plugin.datasets.transforms import PackMultimodalInputs
from mmbalance_plugin.utils.sample_batch import SampleBatch, sample_ids
from tests.pretended_card import CARD, waits_for_the_card

META = ('sample_idx', 'origin', 'modality_mask', 'filename')


class Toys(ArrayDataset):

    def load_arrays(self):
        return Arrays(
            dict(a=torch.arange(12.).reshape(6, 2), b=torch.arange(6.)),
            torch.tensor([0, 1, 2, 0, 1, 2]), dict(origin=np.arange(6) * 10))


def pack(meta_keys=META, **kwargs):
    return dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs=dict(b='b', a='a'),
        meta_keys=meta_keys,
        **kwargs)


def toys(*transforms, kind=Toys, **kwargs):
    return kind(pipeline=[*transforms, pack(**kwargs)])


def fast(data, indices=(4, 1, 1)):
    return collate_arrays(data.__getitems__(list(indices)))


def slow(data, indices=(4, 1, 1)):
    return pseudo_collate([data[i] for i in indices])


def assert_same_batch(batch, expected):
    assert list(batch['inputs']) == list(expected['inputs'])
    for name, rows in expected['inputs'].items():
        value = batch['inputs'][name]
        assert torch.equal(torch.stack(list(value)), torch.stack(rows))
        assert value[0].dtype == rows[0].dtype
    assert len(batch['data_samples']) == len(expected['data_samples'])
    for sample, other in zip(batch['data_samples'], expected['data_samples']):
        assert sample.metainfo == other.metainfo
        assert {k: type(v) for k, v in sample.metainfo.items()
                } == {k: type(v) for k, v in other.metainfo.items()}
        assert sample.keys() == other.keys() == ['gt_label']
        assert torch.equal(sample.gt_label, other.gt_label)
        assert sample.gt_label.dtype == torch.long


def is_whole(batch):
    return isinstance(batch['data_samples'], SampleBatch)


@pytest.mark.parametrize('meta_keys', [META, ('sample_idx', ), ()])
@pytest.mark.parametrize('needed', [None, ('a', )])
def test_the_same_batch_with_no_item_made(meta_keys, needed, monkeypatch):
    data = toys(meta_keys=meta_keys)
    data.need_only(needed)
    expected = slow(data)
    monkeypatch.setattr(PackMultimodalInputs, 'transform', None)
    batch = fast(data)
    assert is_whole(batch)
    assert_same_batch(batch, expected)


class Doubled(Toys):

    def get_data_info(self, idx):
        info = super().get_data_info(idx)
        return dict(info, a=2 * info['a'])


class Lacking(Toys):

    def prepare_data(self, idx):
        info = self.get_data_info(idx)
        if idx == 1:
            info['masked_keys'] = {'b'}
        return self.pipeline(info)


class OwnPacking(PackMultimodalInputs):

    def transform(self, results):
        return super().transform(dict(results, a=results['a'] + 1))


def negate(info):
    return dict(info, b=-info['b'])


@pytest.mark.parametrize('data', [
    toys(negate),
    toys(kind=Doubled),
    toys(kind=Lacking),
    toys(algorithm_keys=('origin', ), meta_keys=()),
    toys(meta_keys=('needed', )),
    Toys(pipeline=[OwnPacking(dict(a='a', b='b'), META)]),
    Toys(pipeline=[
        dict(type='mmaction.PackActionInputs', collect_keys=('a', 'b'),
             meta_keys=META)]),
])
def test_whatever_else_is_done_is_done_to_each_sample(data):
    batch = fast(data)
    assert not is_whole(batch)
    expected = slow(data)
    for name, rows in expected['inputs'].items():
        for row, other in zip(batch['inputs'][name], rows):
            assert torch.equal(row, other)
    assert [s.to_dict() for s in batch['data_samples']] == [
        s.to_dict() for s in expected['data_samples']]


def test_an_object_with_a_method_of_its_own_counts(monkeypatch):
    data = toys()
    expected = slow(data, [2])
    monkeypatch.setattr(data, 'get_data_info',
                        lambda idx: Toys.get_data_info(data, 2))
    assert_same_batch(fast(data, [4]), expected)


def test_odd_indices():
    data = toys()
    assert_same_batch(fast(data, (-1, 2)), slow(data, (-1, 2)))
    assert_same_batch(fast(data, np.array([5, 0])), slow(data, [5, 0]))
    with pytest.raises(IndexError):
        fast(data, (6, ))


def test_items_are_made_once():
    """However often a collation of the user's own goes over them."""
    made = []

    def count(info):
        made.append(info['sample_idx'])
        return info

    data = toys(count)
    batch = pseudo_collate(data.__getitems__([2, 0]))
    assert made == [2, 0]
    assert [s.sample_idx for s in batch['data_samples']] == [2, 0]
    inputs = [item['inputs'] for item in data.__getitems__([2, 0])]
    assert default_collate(inputs)['a'].tolist() == [[4., 5.], [0., 1.]]


@pytest.mark.parametrize('wrap, whole', [
    (lambda data: Subset(data, [5, 4, 3, 2, 1, 0]), True),
    (lambda data: RepeatDataset(data, 2), False),
    (lambda data: ConcatDataset([data, toys()]), False)])
def test_wrappers(wrap, whole):
    data = wrap(toys())
    batch = next(iter(DataLoader(data, 6, collate_fn=collate_arrays)))
    assert is_whole(batch) is whole
    assert_same_batch(batch, slow(data, range(6)))


def test_workers_send_whole_batches():
    loader = dict(
        batch_size=4,
        collate_fn=dict(type='mmbalance_plugin.collate_arrays'),
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=toys())
    batches = [
        list(Runner.build_dataloader(dict(loader, num_workers=n), seed=3))
        for n in (0, 1)
    ]
    for mine, other in zip(*batches):
        assert is_whole(mine) and is_whole(other)
        assert torch.equal(mine['inputs']['a'], other['inputs']['a'])
        assert torch.equal(
            sample_ids(mine['data_samples']),
            sample_ids(other['data_samples']))


def test_a_subset_forgets_the_rows_of_the_whole():
    data = toys()
    assert data[1]['inputs']['b'] == 1.
    data.get_subset_([5, 3])
    assert data[1]['inputs']['b'] == 3.
    assert fast(data, [1])['inputs']['b'].tolist() == [3.]


def test_resident_batches_are_cut_on_the_device(monkeypatch):
    data = toys()
    same = collate_arrays(data.__getitems__([4, 1, 1]), resident=True)
    assert_same_batch(same, slow(data))
    # On a CPU nothing is copied.
    assert data.resident_inputs['a'] is data.inputs['a']
    monkeypatch.setattr(array_dataset, 'get_device', lambda: CARD)
    data.get_subset_([5, 3])
    with waits_for_the_card() as waits:
        assert len(data.resident_inputs) == len(waits) == 2  # once each
        batch = collate_arrays(data.__getitems__([1, 0]), resident=True)
        assert len(waits) == 2
    assert {x.device.type for x in batch['inputs'].values()} == {CARD}
    assert batch['inputs']['a'].shape == (2, 2)
    # What the samples say stays with the host, whose the rest of a run is.
    assert batch['data_samples'].labels.tolist() == [0, 2]
    assert batch['data_samples'].metainfo['sample_idx'].tolist() == [1, 0]
    assert data.inputs['a'].device.type == 'cpu'


# ---- the samples -------------------------------------------------------
def test_samples_are_made_when_asked_for_and_then_count():
    samples = fast(toys())['data_samples']
    assert samples.untouched and len(samples) == 3 and samples
    copy = pickle.loads(pickle.dumps(samples))
    assert sample_ids(samples).tolist() == [4, 1, 1] and samples.untouched
    assert samples[0].origin == 40 and samples[-1] is list(samples)[2]
    assert not samples.untouched
    samples[1].set_gt_label(0)
    samples[1].set_metainfo(dict(sample_idx=3))
    assert sample_ids(samples).tolist() == [4, 3, 1]
    assert [int(s.gt_label) for s in samples] == [1, 0, 1]
    assert copy.untouched and [s.sample_idx for s in copy] == [4, 1, 1]


def test_samples_without_ids():
    for batch in (fast, slow):
        samples = batch(toys(meta_keys=()))['data_samples']
        with pytest.raises(KeyError, match='meta_keys'):
            sample_ids(samples)
