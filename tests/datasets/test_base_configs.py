"""The shipped data set configs build what they say."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmbalance_plugin.registry import DATASETS
from tests.configs.shipped import ARRAYS, CONFIGS


@pytest.mark.parametrize('name', ARRAYS)
def test_loaders(name, fake_data):
    DefaultScope.get_instance(name, scope_name='mmaction')
    config = Config.fromfile(CONFIGS / f'_base_/sets/{name}.py')
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        assert loader.dataset.split == split
        assert loader.sampler.shuffle == (split == 'train')
        folder = Path(loader.dataset.data_root)
        assert folder.parent == Path('data') and name.startswith(folder.name)
        loader.dataset.data_root = str(fake_data(folder.name))
        if name == 'mnist_halves':  # fewer than the config asks for
            loader.dataset.n_samples = 40
        built = Runner.build_dataloader(loader, seed=0)
        assert built.dataset.deterministic
        batch = next(iter(built))
        assert tuple(batch['inputs']) == tuple(config.modalities)
        assert tuple(config.model.encoders) == tuple(config.modalities)
        assert all(
            len(x) == len(batch['data_samples'])
            for x in batch['inputs'].values())
        assert batch['data_samples'][0].sample_idx is not None


def test_hard_views_are_few_samples_of_the_same(fake_data):
    sizes = {}
    for name in ('hard', 'pair', 'six'):
        config = Config.fromfile(
            CONFIGS / f'_base_/sets/multiple_features_{name}.py')
        for split in ('train', 'val', 'test'):
            options = dict(config[f'{split}_dataloader'].dataset, pipeline=[],
                           data_root=str(fake_data('multiple_features')))
            data = DATASETS.build(options)
            sizes[name, split] = len(data), data.ids['numeral'].tolist()
    for split, count in dict(train=25, val=20, test=55).items():
        assert sizes['hard', split][0] == pytest.approx(count, abs=5)
        assert sizes['hard', split] == sizes['pair', split]
        assert sizes['hard', split] == sizes['six', split]
