"""What is known, declared or unknown to give the same sample each time."""
import pytest
import torch
from mmaction.datasets import BaseActionDataset
from mmcv.transforms import BaseTransform
from mmengine.dataset import (
    BaseDataset,
    ClassBalancedDataset,
    ConcatDataset,
    RepeatDataset,
)
from torch.utils.data import ConcatDataset as TorchConcatDataset
from torch.utils.data import Subset

from mmbalance_plugin.datasets import (
    ArrayDataset,
    Arrays,
    is_deterministic,
    why_random,
)
from mmbalance_plugin.datasets.transforms import LogSpectrogram

PACK = dict(type='mmaction.PackActionInputs', collect_keys=('a', ))
FLIP = dict(type='mmaction.Flip', flip_ratio=.01)


class Toys(ArrayDataset):

    def load_arrays(self):
        return Arrays(dict(a=torch.zeros(4, 2)), torch.arange(4) % 2)


class Noisy(Toys):
    """Replaces what makes a sample, under an inherited declaration."""

    def get_data_info(self, idx):
        info = super().get_data_info(idx)
        info['a'] = info['a'] + torch.randn(2)
        return info


class Listed(BaseDataset):
    """Somebody's list of data, run through the pipeline."""

    def load_data_list(self):
        return [dict(a=torch.zeros(2), label=0)] * 4


class Prepared(Listed):

    def prepare_data(self, idx):
        return super().prepare_data(idx)


class Forwards:
    """Somebody's wrapper, which hands out the attributes of what it holds."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __getattr__(self, name):
        return getattr(self.dataset, name)

    def __getitem__(self, index):
        return self.dataset[index]


class Mine(BaseTransform):
    deterministic = True

    def transform(self, results):
        return results


class Jittered(Mine):

    def transform(self, results):
        return results


class Normalize(Mine):
    """Not MMAction2's, though of the same name."""
    deterministic = property(lambda self: self.sure)
    sure = False


def toys(*pipeline):
    return Toys(pipeline=[*pipeline, PACK])


def test_what_is_certain():
    certain = toys()
    for dataset in (
            certain, toys(Mine()), RepeatDataset(certain, 3),
            ConcatDataset([certain, toys()]),
            TorchConcatDataset([certain, certain]),
            ClassBalancedDataset(certain, .6), Subset(certain, [1, 2]),
            Subset(RepeatDataset(certain, 2), [5]),
            Listed(pipeline=[PACK])):
        assert why_random(dataset) is None


@pytest.mark.parametrize('wrap', [
    lambda data: data,
    lambda data: RepeatDataset(data, 2),
    lambda data: ConcatDataset([toys(), data]),
    lambda data: ClassBalancedDataset(data, .6),
    lambda data: Subset(data, [0]),
    lambda data: Subset(
        TorchConcatDataset([toys(), RepeatDataset(data, 2)]), [0]),
])
def test_a_rare_flip_is_found_through_wrappers(wrap):
    assert 'Flip in the pipeline of Toys' in why_random(wrap(toys(FLIP)))


@pytest.mark.parametrize('transform', [
    lambda results: results, Jittered(), Normalize()])
def test_unknown_transforms_count_as_random(transform):
    assert not is_deterministic([Mine(), transform])
    name = getattr(transform, '__name__', type(transform).__name__)
    assert name in why_random(toys(transform))


@pytest.mark.parametrize('dataset', [
    Noisy(pipeline=[PACK]), Prepared(pipeline=[PACK]), Forwards(toys())])
def test_unknown_data_sets_count_as_random(dataset, monkeypatch):
    reason = why_random(dataset)
    assert f'not known whether {type(dataset).__name__}' in reason
    monkeypatch.setattr(type(dataset), 'deterministic', True, raising=False)
    assert why_random(dataset) is None
    monkeypatch.setattr(type(dataset), 'deterministic', False)
    assert 'says that its samples are random' in why_random(dataset)


def test_data_sets_of_mmaction_are_as_their_transforms_are(tmp_path):
    file = tmp_path / 'list.json'
    file.write_text('{"metainfo": {}, "data_list": []}')

    class Clips(BaseActionDataset):

        def load_data_list(self):
            return [dict(label=0)]

    assert why_random(Clips(str(file), [PACK])) is None
    assert 'Flip' in why_random(Clips(str(file), [FLIP, PACK]))


def test_classes_of_this_package_know_what_they_inherit():
    assert is_deterministic([LogSpectrogram()])
