"""The shipped data set configs build what they say."""
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner


@pytest.mark.parametrize('name', ['av_digits', 'multiple_features'])
def test_loaders(root, name, request):
    DefaultScope.get_instance(name, scope_name='mmaction')
    config = Config.fromfile(root / f'configs/_base_/sets/{name}.py')
    fake = dict(av_digits='fake_digits', multiple_features='fake_features')
    data_root = str(request.getfixturevalue(fake[name]))
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        assert loader.dataset.split == split
        assert loader.sampler.shuffle == (split == 'train')
        assert loader.dataset.data_root == f'data/{name}'
        loader.dataset.data_root = data_root
        built = Runner.build_dataloader(loader, seed=0)
        assert built.dataset.deterministic
        batch = next(iter(built))
        assert tuple(batch['inputs']) == tuple(config.modalities)
        assert all(
            len(x) == len(batch['data_samples'])
            for x in batch['inputs'].values())
        assert batch['data_samples'][0].sample_idx is not None
