"""Labels and classes that do not fit the head, told before the first batch."""
import copy

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch.utils.data import Subset

from mmbalance_plugin.datasets import ArrayDataset, Arrays
from mmbalance_plugin.engine.hooks.label_check_hook import check_labels
from tests.datasets.av_clips import annotate, build, write_clips
from tests.engine.digits import MODALITIES, digits_cfg


@DATASETS.register_module()
class LabelTest(ArrayDataset):
    """Digits' shapes, with given labels and class names."""

    def __init__(self, labels, classes=None, **kwargs):
        self.given = labels
        metainfo = None if classes is None else dict(classes=classes)
        super().__init__(metainfo=metainfo, **kwargs)

    def load_arrays(self):
        count = len(self.given)
        return Arrays(
            dict(audio=torch.randn(count, 1, 13, 32),
                 visual=torch.randn(count, 1, 28, 28)),
            torch.as_tensor(np.array(self.given)))


class Listed(BaseDataset):
    """A data set whose labels only its annotation has."""

    def __init__(self, labels):
        self.given = labels
        super().__init__(pipeline=[])

    def load_data_list(self):
        return [dict(label=label) for label in self.given]

    def prepare_data(self, idx):
        raise AssertionError('nothing is loaded')


def make(labels, classes=None):
    return LabelTest(labels, classes, pipeline=[])


# ---- in a run ----------------------------------------------------------
def run_cfg(work_dir, **splits):
    cfg = digits_cfg(work_dir, dict(max_epochs=1), n_train=32, n_val=32)
    for split, (labels, classes) in splits.items():
        dataset = cfg[f'{split}_dataloader'].dataset
        cfg[f'{split}_dataloader'].dataset = dict(
            type='LabelTest', labels=labels, classes=classes,
            pipeline=dataset.pipeline)
    return cfg


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_a_run_with_a_label_too_many_does_not_start(tmp_path, split):
    cfg = run_cfg(tmp_path, **{split: ([0, 10, 1, 2], None)})
    runner = Runner.from_cfg(cfg)
    with pytest.raises(ValueError, match=(
            rf'labels of the {split} data \(LabelTest\) must be.*number 1 is '
            r'10.*10 classes 0 to 9 \(num_classes=10')):
        runner.train()
    assert runner.train_loop.iter == 0
    assert not list(tmp_path.glob('*.pth'))


def test_testing_looks_at_the_test_data(tmp_path):
    cfg = run_cfg(tmp_path, test=([0, 10, 1, 2], None))
    with pytest.raises(ValueError, match='labels of the test data'):
        Runner.from_cfg(copy.deepcopy(cfg)).test()
    runner = Runner.from_cfg(cfg)
    runner.val()  # has nothing to do with them


def test_classes_that_never_occur_are_told(tmp_path, caplog):
    names = [f'digit {i}' for i in range(8)]
    cfg = run_cfg(tmp_path, **{
        split: ([0, 7, 1, 2], names) for split in ('train', 'val', 'test')})
    Runner.from_cfg(cfg).train()
    text = next(tmp_path.rglob('*.log')).read_text()
    assert text.count('name 8 classes, the head has num_classes=10') == 3
    before, _ = text.split('Epoch(train)')
    assert 'train data (LabelTest) name 8 classes' in before
    assert MODALITIES == ('audio', 'visual')


# ---- kinds of data sets ------------------------------------------------
@pytest.mark.parametrize('wrap', [
    lambda d: d,
    lambda d: ConcatDataset([make([0, 1]), d]),
    lambda d: RepeatDataset(d, 2),
    lambda d: Subset(ConcatDataset([d, make([0])]), [0]),
])
@pytest.mark.parametrize('kind', [make, Listed])
def test_wrappers_hide_nothing(wrap, kind):
    check_labels(dict(train=wrap(kind([0, 1, 3]))), 4)
    with pytest.raises(ValueError, match='number 2 is 4, which is none of '):
        check_labels(dict(train=wrap(kind([0, 1, 4]))), 4)


@pytest.mark.parametrize('label, found', [
    (.9, r'sample 1, must be.* 0\.9'),
    (np.array([.9]), r'sample 1, must be.* 0\.9'),
    (True, 'sample 1, must be.*True'),
    (float('nan'), 'sample 1, must be.*nan'),
    ([0, 1], 'are 2 in sample 1, but the head predicts one'),
    (-1, 'number 1 is -1'),
])
def test_labels_that_packing_would_cut(label, found):
    """MMAction2's packing makes class 0 of an array that holds .9."""
    with pytest.raises(ValueError, match=found):
        check_labels(dict(train=Listed([0, label])), 4)


@pytest.mark.parametrize('labels', [
    [0., .9], [True, False], [0., float('nan')], [[0, 2], [1, 0]], [0, -1]])
def test_arrays_are_checked_as_they_load(labels):
    with pytest.raises(ValueError, match='labels of LabelTest must be'):
        make(labels)
    with pytest.raises(ValueError, match='number 1 is 2, which is none of '):
        make([0, 2], ['a', 'b'])


def test_clips_list_their_labels(tmp_path):
    write_clips(tmp_path)
    rows = 'path,label\nwhole.mp4,0\nmute.mp4,5\n'
    with pytest.raises(ValueError, match=r'\(AudioVisualDataset\).* is 5'):
        check_labels(dict(val=build(tmp_path, rows)), 5)
    several = build(
        tmp_path, 'path,label\nwhole.mp4,0;1\n', multi_class=True,
        num_classes=3)
    assert several.label_numbers == [0, 1]
    with pytest.raises(ValueError, match='several per sample'):
        check_labels(dict(val=several), 5)
    assert annotate(tmp_path, rows)


def test_one_number_is_one_class_in_all_splits():
    same = make([0, 1], ['a', 'b', 'c'])
    check_labels(dict(train=same, val=make([1], ['a', 'b', 'c'])), 3)
    with pytest.raises(ValueError, match=(
            r'class 1 is "c" in the val data \(LabelTest\), but "b" in the '
            'train data')):
        check_labels(dict(train=same, val=make([1], ['a', 'c', 'b'])), 3)


def test_data_without_labels_pass():
    check_labels(dict(train=torch.utils.data.TensorDataset(torch.ones(3))), 2)
