"""Pairs exchanged within the class: what goes, and what stays."""
import itertools
import re

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmbalance_plugin.datasets import ArrayDataset, Arrays
from mmbalance_plugin.datasets.pairing import exchanged_within_class
from mmbalance_plugin.registry import DATASETS
from tests.engine.digits import digits_cfg, train

NAMES = ('a', 'b', 'c')


@pytest.fixture
def labels(rng):
    return rng.permutation(np.repeat([0, 1, 2], [3, 40, 200]))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_no_two_modalities_of_a_sample_stay_together(labels):
    origin = exchanged_within_class(labels, NAMES, 0)
    assert origin['a'].tolist() == list(range(len(labels)))
    for rows in origin.values():
        # Every sample once, and in its class.
        assert sorted(rows) == list(range(len(labels)))
        assert (labels[rows] == labels).all()
    for one, other in itertools.combinations(NAMES, 2):
        assert (origin[one] != origin[other]).all()


def test_dependence_is_gone_and_margins_are_equal(rng, labels):
    """Within a class, modalities share a factor; then they do not."""
    labels = np.repeat([0, 1], 3000)
    factor = rng.normal(size=6000)
    values = {m: factor + .3 * rng.normal(size=6000) + 2 * labels
              for m in NAMES}
    origin = exchanged_within_class(labels, NAMES, 1)
    after = {m: x[origin[m]] for m, x in values.items()}
    for label in (0, 1):
        rows = labels == label
        for one, other in itertools.combinations(NAMES, 2):
            was, now = (np.corrcoef(x[one][rows], x[other][rows])[0, 1]
                        for x in (values, after))
            # Four standard errors of no correlation.
            assert was > .85 and abs(now) < 4 / 3000**.5
        for m in NAMES:
            assert sorted(after[m][rows]) == sorted(values[m][rows])


def test_a_class_that_is_too_small_is_an_error():
    with pytest.raises(ValueError, match='class 7 has 2 training samples'):
        exchanged_within_class(np.array([7, 7]), NAMES, 0)
    assert len(exchanged_within_class(np.array([7, 7]), NAMES[:2], 0)) == 2


class Numbered(ArrayDataset):
    """Each value is the number of its sample."""

    def load_arrays(self):
        values = torch.arange(60.)[:, None]
        ids = np.arange(60)
        return Arrays({m: values.clone() for m in NAMES},
                      torch.arange(60) % 4, dict(source=ids, track=ids),
                      dict(track='b'))


def test_the_command_of_the_docs(root, fake_data):
    page = (root / 'docs/datasets/in_memory.md').read_text()
    line, = (x for x in page.split('\n')
             if 'pairing=' in x and 'tools/train.py' in x)
    path, options = re.search(r'(configs/\S+) --cfg-options (.*)',
                              line).groups()
    plain, cfg = (Config.fromfile(root / path) for _ in range(2))
    cfg.merge_from_dict(dict(x.split('=') for x in options.split()))
    for split in ('train', 'val', 'test'):
        real, other = (DATASETS.build(dict(
            c[f'{split}_dataloader'].dataset, pipeline=[],
            data_root=str(fake_data('watch')))) for c in (plain, cfg))
        same = [torch.equal(x, other.inputs[m])
                for m, x in real.inputs.items()]
        assert same == [True, split != 'train']


def test_ids_are_those_of_what_is_there():
    data = Numbered(pairing='within_class')
    assert set(data.ids) == {'source', 'source_b', 'source_c', 'track'}
    for modality, name in (('a', 'source'), ('b', 'source_b'),
                           ('c', 'source_c'), ('b', 'track')):
        assert data.inputs[modality][:, 0].tolist() == data.ids[name].tolist()
    item = data[5]
    assert item['c'] == item['source_c'] != item['source'] == item['a']
    # Further subsets take what belongs together.
    part = data.get_subset([7, 3])
    for modality, name in (('a', 'source'), ('c', 'source_c')):
        assert part.inputs[modality][:, 0].tolist() == part.ids[name].tolist()


def test_a_subset_is_exchanged_within_itself():
    data = Numbered(pairing='within_class', indices=20)
    for values in data.inputs.values():
        assert sorted(values[:, 0].tolist()) == list(range(20))


def test_the_seed_draws_it_and_nothing_else(monkeypatch):
    """So that ranks agree, too."""
    def drawn(seed):
        return Numbered(pairing='within_class',
                        pairing_seed=seed).ids['source_b'].tolist()

    torch.manual_seed(1)
    np.random.seed(1)
    first = drawn(0)
    torch.manual_seed(2)
    np.random.seed(2)
    monkeypatch.setenv('RANK', '1')
    assert drawn(0) == first != drawn(1)


@DATASETS.register_module()
class XOR(ArrayDataset):
    """Only the pair tells the class: whether two numbers are both odd or even.

    There are 256 pairs, so that what is learnt from none of them by chance is
    right for half of them.
    """

    def __init__(self, split, **kwargs):
        self.split = split
        super().__init__(**kwargs)

    def load_arrays(self):
        size = 1024 if self.split == 'train' else 512
        rng = np.random.default_rng(len(self.split))
        numbers = torch.from_numpy(rng.integers(0, 16, (size, 2)))
        one_hot = torch.eye(16)[numbers]
        return Arrays(dict(a=one_hot[:, 0], b=one_hot[:, 1]),
                      numbers.sum(1) % 2)


@pytest.mark.parametrize('pairing', ['real', 'within_class'])
def test_power_where_only_the_pair_tells(pairing, tmp_path):
    names = ('a', 'b')
    pack = dict(type='PackActionInputs', collect_keys=names,
                meta_keys=('sample_idx', ))
    cfg = digits_cfg(tmp_path, dict(max_epochs=5), modalities=names,
                     head='MLPHead')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset = dict(
            type='mmbalance_plugin.XOR', split=split,
            pairing=pairing, pipeline=[pack])
    cfg.model.encoders = {
        m: dict(backbone=dict(type='mmbalance_plugin.MLPBackbone',
                              in_channels=16, channels=(16, )),
                feat_channels=16) for m in names}
    cfg.model.head.num_classes = 2
    metrics = train(cfg).test_loop.run()
    if pairing == 'real':
        assert metrics['acc/top1'] > .95
    else:
        # Four standard errors around chance.
        assert abs(metrics['acc/top1'] - .5) < 4 * .5 / 256**.5, metrics
