"""The page 'your own clips in ten minutes' does what it says."""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmbalance_plugin.registry import DATASETS
from tests.datasets.media_trees import write_video
from tests.media_utils import set_sizes

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'datasets.md').read_text(encoding='utf-8')


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder as the page describes it."""
    page = PAGE[PAGE.index('## Your own clips'):]
    blocks = [re.sub('(?m)^   ', '', block) for block in
              re.findall(r'(?s)```\w+\n(.*?)   ```', page)]
    annotation, config = blocks
    clips = tmp_path / 'my_clips'
    for number, row in enumerate(annotation.split('\n')[1:-1]):
        path, _ = row.split(',')
        write_video(clips / path, number)
    for split in ('train', 'val', 'test'):
        (clips / f'{split}.csv').write_text(annotation, encoding='utf-8')
    (clips / 'classes.txt').write_text('cat\ndog\n')
    (tmp_path / 'my_config.py').write_text(config)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_config_on_the_page_trains(project):
    cfg = Config.fromfile(project / 'my_config.py')
    init_default_scope('mmaction')
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        set_sizes(dataset.pipeline)
        data = DATASETS.build(dataset)
        samples = [data[i] for i in range(2)]
    labels = [int(s['data_samples'].gt_label) for s in samples]
    assert labels == [1, 0]
    torch.manual_seed(0)
    model = Runner.build_model(None, cfg.model)
    batch = model.data_preprocessor(pseudo_collate(samples), True)
    losses = model.train()(**batch, mode='loss')
    assert all(loss.isfinite().all() for loss in losses.values())
    assert cfg.train_cfg.type == 'mmbalance_plugin.UDITrainLoop'
