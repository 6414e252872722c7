"""CGMNIST: which colour an image has, and what it tells of the class."""
import copy
import re

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from scipy.stats import chi2_contingency

from mmbalance_plugin.datasets import CGMNISTDataset
from mmbalance_plugin.datasets.cgmnist_dataset import mean_colors
from tests.configs.shipped import config
from tests.engine.digits import assert_same, weights

SPLITS = ('train', 'val', 'test')


@pytest.fixture
def build(fake_data):

    def build(split='train', **kwargs):
        return CGMNISTDataset(
            split, data_root=str(fake_data('cgmnist')), **kwargs)

    return build


def colors_of(data):
    """The colour of each image: that of its brightest pixel, undone."""
    pixels = data.inputs['color'].flatten(2)
    gray = data.inputs['gray'].flatten(1) * .3081 + .1307
    value, place = gray.max(1)
    found = pixels.gather(2, place[:, None, None].expand(-1, 3, 1))[..., 0]
    return (found / value[:, None]).numpy()


def nearest_mean(data):
    distance = colors_of(data)[:, None] - mean_colors()
    return (distance**2).sum(2).argmin(1)


def test_the_means_are_far_apart():
    means = mean_colors()
    known = [(0., 0., 0.)]
    grid = [(r / 2, g / 2, b / 2) for r in range(3) for g in range(3)
            for b in range(3)]
    for mean in means:
        gaps = [min(np.hypot.reduce(np.subtract(point, other))
                    for other in known) for point in grid]
        # The first of the farthest, as the grid is in order.
        assert tuple(mean) == grid[int(np.argmax(np.round(gaps, 9)))]
        known.append(tuple(mean))
    assert len(set(known)) == 11
    assert means[0].tolist() == [1, 1, 1] and means.dtype == np.float32


def test_one_image_in_gray_and_in_one_colour(build, fake_data):
    for split in SPLITS:
        data = build(split)
        images = np.load(fake_data('cgmnist') / f'{split}_images.npy')
        labels = np.load(fake_data('cgmnist') / f'{split}_labels.npy')
        rows = data.ids['image']
        assert sorted(rows) == list(range(len(images)))
        assert (data.labels.numpy() == labels[rows]).all()
        gray = data.inputs['gray'][:, 0].numpy() * .3081 + .1307
        np.testing.assert_allclose(gray * 255, images[rows], atol=1e-3)
        color = data.inputs['color'].numpy()
        assert color.shape[1:] == (3, 28, 28)
        assert color.min() >= 0 and color.max() <= 1
        np.testing.assert_allclose(
            color, gray[:, None] * colors_of(data)[:, :, None, None],
            atol=1e-6)


def test_training_colours_are_normal_about_the_mean_of_the_class(build):
    exact = build(variance=0.)
    np.testing.assert_allclose(
        colors_of(exact), mean_colors()[exact.labels], atol=1e-5)
    for variance in (1e-4, .01):
        data = build(variance=variance)
        offset = colors_of(data) - mean_colors()[data.labels]
        half = mean_colors()[data.labels] == .5
        # Nothing is cut off about a half; about 0 and 1, half of it is.
        assert offset[half].std() == pytest.approx(variance**.5, rel=.08)
        assert abs(offset[half].mean()) < 4 * (variance / half.sum())**.5
        for edge, sign in ((0, 1), (1, -1)):
            there = sign * offset[mean_colors()[data.labels] == edge]
            assert there.min() > -1e-5
            assert there.mean() == pytest.approx(
                (variance / (2 * np.pi))**.5, rel=.1)
    far, near = (colors_of(build(variance=v)) for v in (4e-4, 1e-4))
    means, half = mean_colors()[exact.labels], half.all(1)
    np.testing.assert_allclose(
        (far - means)[half], 2 * (near - means)[half], atol=1e-4)


@pytest.mark.parametrize('split, selection, told', [
    ('val', 'iid', True), ('val', 'target', False), ('test', 'iid', False)])
def test_what_a_colour_tells(build, split, selection, told):
    found, labels = [], []
    for seed in range(30):
        data = build(split, selection=selection, seed=seed, variance=1e-3)
        found.append(nearest_mean(data))
        labels.append(data.labels.numpy())
    found, labels = np.concatenate(found), np.concatenate(labels)
    if told:
        assert (found == labels).all()
        return
    table = np.zeros((10, 10))
    np.add.at(table, (labels, found), 1)
    assert chi2_contingency(table).pvalue > .01
    share = table.sum(0) / table.sum()
    assert abs(share - .1).max() < 4 * (.09 / len(found))**.5


def test_selection_colours_validation_and_nothing_else(build):
    for split in SPLITS:
        one, other = (build(split, selection=s) for s in ('iid', 'target'))
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.inputs['gray'], other.inputs['gray'])
        assert torch.equal(one.inputs['color'],
                           other.inputs['color']) is (split != 'val')


def test_an_image_keeps_its_colour(build):
    """Whatever else is drawn, and however few are taken."""
    whole = build()
    torch.manual_seed(1)
    np.random.seed(1)
    few = build(indices=[5, 3])
    assert torch.equal(few.inputs['color'], whole.inputs['color'][[5, 3]])


def test_no_digit_is_in_two_splits(build):
    seen = [{bytes(x.numpy()) for x in build(split).inputs['gray']}
            for split in SPLITS]
    assert [len(images) for images in seen] == [600, 50, 40]
    assert len(set.union(*seen)) == 690


def test_wrong_options(build):
    with pytest.raises(ValueError, match='selection must be one of .*iid'):
        build('val', selection='test')
    for variance in (-1, float('nan')):
        with pytest.raises(ValueError, match='variance=.*expected 0 or more'):
            build(variance=variance)


def test_the_real_data(prepared):
    root = str(prepared('cgmnist'))
    data = {split: CGMNISTDataset(split, ('gray', ), data_root=root)
            for split in SPLITS}
    assert [len(x) for x in data.values()] == [50000, 10000, 10000]
    assert torch.bincount(data['test'].labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    gray = torch.cat([data[s].inputs['gray'] for s in ('train', 'val')])
    assert abs(gray.mean()) < 1e-3 and abs(gray.std() - 1) < 1e-3


def test_the_commands_of_the_docs(root):
    text = (root / 'docs/datasets/cgmnist.md').read_text()
    lines = re.findall(r'tools/train.py configs/(\S+cgmnist\S*) (--.*)', text)
    (name, options), (full, amp) = lines
    cfg = config(name).copy()
    assert cfg.val_dataloader.dataset.selection == 'target'
    before = copy.deepcopy(cfg.to_dict())
    key, value = options.removeprefix('--cfg-options ').split('=')
    cfg.merge_from_dict({key: value})
    assert cfg.val_dataloader.dataset.selection == 'iid'
    before['val_dataloader']['dataset']['selection'] = 'iid'
    assert cfg.to_dict() == before
    assert amp == '--amp' and config(full).max_epochs == 100
    assert config(full).optim_wrapper.type == 'OptimWrapper'


def short(build_root, folder, resident, **options):
    """Two epochs of joint training on sixty-four digits."""
    cfg = config('joint_cgmnist.py').copy()
    for split in SPLITS:
        loader = cfg[f'{split}_dataloader']
        loader.batch_size = 16
        loader.collate_fn.resident = resident
        loader.dataset.update(data_root=build_root, indices=32)
    cfg.merge_from_dict(dict(
        work_dir=str(folder), experiment_name=str(folder), max_epochs=2,
        **options))
    runner = Runner.from_cfg(cfg)
    runner.train()
    return weights(runner)


def test_resident_batches_train_the_same_and_resume(fake_data, tmp_path):
    torch.set_num_threads(1)
    root = str(fake_data('cgmnist'))
    expected = short(root, tmp_path / 'usual', False)
    assert_same(short(root, tmp_path / 'resident', True), expected)
    again = short(
        root, tmp_path / 'again', True, resume=True,
        load_from=str(tmp_path / 'resident' / 'epoch_1.pth'))
    assert_same(again, expected)
