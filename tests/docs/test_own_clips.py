"""The page 'your own clips in ten minutes' does what it says."""
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmbalance_plugin.cli.main import main
from mmbalance_plugin.registry import DATASETS
from tests.datasets.media_trees import write_video
from tests.media_utils import set_sizes

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'datasets.md').read_text(encoding='utf-8')


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder as the page describes it."""
    page = PAGE[PAGE.index('### By hand'):]
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


@pytest.mark.slow
def test_the_commands_of_the_page(tmp_path, monkeypatch, capsys):
    """From a folder of clips to a prediction, in the order of the page."""
    page = PAGE[:PAGE.index('### By hand')]
    for number, label in enumerate(('cat', 'dog')):
        for n in range(10):
            write_video(
                tmp_path / f'my_clips/{label}/speaker{n // 2}_{n % 2}.mp4',
                3 * number)
    write_video(tmp_path / 'clip.mp4', 3)
    listing, = re.findall(r'(?s)```text\n(.*?)```', page)
    head, *rows = listing.splitlines()
    assert all((tmp_path / 'my_clips' / row.split(',')[0]).is_file()
               for row in rows)
    (tmp_path / 'clips.csv').write_text('\n'.join(
        [head, *(f'{label}/speaker{n}_{take}.mp4,{label},speaker{n},,'
                 for label in ('cat', 'dog') for n in range(5)
                 for take in range(2))]))
    monkeypatch.chdir(tmp_path)
    commands = re.findall('(?m)^ +(mmbalance .*)', page)
    assert len(commands) == 5
    for line in commands:
        monkeypatch.setattr(sys, 'argv', shlex.split(line))
        assert not main(), line
    assert 'dog' in capsys.readouterr().out
    summary = json.loads(Path('work_dirs/udi_clips/summary.json').read_text())
    assert 'acc/top1' in summary['test']

    config, = re.findall(r'(?s)```python\n(.*?)```', page)
    Path('mine.py').write_text(config)
    assert Config.fromfile('mine.py').optim_wrapper.alpha == .3
