"""A loader without workers, of a config that has options for them."""
import copy

import pytest
import torch
from mmengine.runner import Runner

import mmbalance_plugin.registry  # noqa: F401  applies the shims

CONFIG = dict(
    dataset=torch.utils.data.TensorDataset(torch.arange(4)),
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    collate_fn=dict(type='mmengine.default_collate'),
    batch_size=2)
OPTIONS = dict(persistent_workers=True, prefetch_factor=4)


@pytest.mark.parametrize('option', OPTIONS)
def test_still_needed(option):
    config = dict(CONFIG, num_workers=0, **{option: OPTIONS[option]})
    with pytest.raises(ValueError, match=f'{option} option'):
        Runner.build_dataloader._mmbalance_original(config)


@pytest.mark.parametrize('workers', [dict(num_workers=0), dict()])
def test_they_are_set_aside(workers):
    config = dict(CONFIG, **OPTIONS, **workers)
    before = copy.copy(config)
    loader = Runner.build_dataloader(config)
    assert [batch[0].tolist() for batch in loader] == [[0, 1], [2, 3]]
    assert config == before
    assert Runner.build_dataloader(loader) is loader


def test_with_workers_they_count():
    loader = Runner.build_dataloader(dict(CONFIG, **OPTIONS, num_workers=1))
    assert loader.persistent_workers and loader.prefetch_factor == 4
