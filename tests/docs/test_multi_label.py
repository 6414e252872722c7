"""docs/multi-label.md, executed."""
import csv
import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from mmbalance_plugin import engine, models
from mmbalance_plugin.cli.config_keys import unread_keys
from mmbalance_plugin.cli.main import main
from mmbalance_plugin.engine import gradients, hooks, steps, udi
from mmbalance_plugin.models import heads, objectives, wrappers
from mmbalance_plugin.shipped import shipped_root
from tests.datasets.media_trees import write_video
from tests.docs.pages import text

PAGE = text('multi-label')
#: What each row of the table stands for.
CLASSES = {
    'joint, multi-loss': ('FusedLoss', 'UnimodalLoss', 'ConcatHead', 'SumHead',
                          'MLPHead', 'FiLMHead', 'GatedHead', 'TrainStep'),
    'late fusion': ('DecisionHead', ),
    'OGM, OGM-GE': ('OGM', ),
    'MLB': ('MLB', ), 'InfoReg': ('InfoReg', ), 'OPM': ('OPM', ),
    'MMPareto': ('MMPareto', ), 'MIMO': ('MIMOLoss', ), 'DGL': ('DGLLoss', ),
    'UMT': ('UMTLoss', ),
    'UDI': ('AnchorGuidance', 'JSDivergenceLoss', 'BranchedConcatHead'),
    'G-Blending': ('GBlend', ), 'MMCosine': ('MMCosineHead', ),
    'TCMax': ('TCMaxLoss', ), 'PMR': ('PMRLoss', ), 'LFM': ('LFMLoss', ),
    'CML': ('CMLLoss', ), 'QMF': ('QMFHead', 'QMFLoss'),
    'AGM': ('AGMLoss', ), 'MLA': ('MLA', 'MLAHead'),
    'ReconBoost': ('ReconBoostLoss', ),
    'mutual-information balance, best teacher': (
        'MutualInformationLoss', 'BestTeacherLoss'),
    'Diagnosing & Re-learning': ('RelearningHook', ),
}
ROOMS = (heads, objectives, steps, gradients, wrappers, hooks, udi,
         models.losses, engine)


def class_of(name):
    return next(vars(room)[name] for room in ROOMS if name in vars(room))


def table():
    page = PAGE[PAGE.index('## What each method does'):]
    rows = re.findall(r'(?m)^\| ([^|]+) \| (yes|refused) \| (\S[^|]*) \|',
                      page)
    return {name: (several, blended) for name, several, blended in rows}


def test_the_table_is_what_the_classes_say():
    rows = table()
    doctor = [name for name in rows if name.startswith('the doctor')]
    assert set(rows) - set(doctor) == set(CLASSES) and len(doctor) == 1
    for row, names in CLASSES.items():
        for name in names:
            kinds = vars(class_of(name)).get('label_kinds', ())
            assert rows[row] == tuple(
                'yes' if kind in kinds else 'refused'
                for kind in ('multi', 'soft')), name


def test_every_term_and_head_is_in_the_table():
    listed = {name for names in CLASSES.values() for name in names}
    own = {name for name in objectives.__all__ if name not in (
        'BatchRecord', 'ObjectiveTerm', 'CalibratedLoss')}
    own |= {name for name in heads.__all__ if name.endswith('Head')
            and name != 'MultimodalHead'}
    own |= {'OGM', 'MLB', 'InfoReg', 'OPM', 'MMPareto', 'MLA'}
    assert own <= listed


def blocks():
    return [re.sub('(?m)^   ', '', block) for block in
            re.findall(r'(?s)```python\n(.*?)```', PAGE)]


def test_configs_of_the_page(tmp_path):
    udi_config, mixup = blocks()
    path = tmp_path / 'mine.py'
    path.write_text(udi_config)
    cfg = Config.fromfile(path)
    assert not unread_keys(cfg)
    shipped = Config.fromfile(
        shipped_root() / 'configs/labels/multi_label_clips.py')
    for key in ('val_evaluator', 'test_evaluator', 'default_hooks'):
        assert cfg[key] == shipped[key]
    for split in ('train', 'val', 'test'):
        assert cfg[f'{split}_dataloader'] == shipped[f'{split}_dataloader']
        assert cfg[f'{split}_dataloader'].dataset.multi_class
    assert cfg.model.head.multi_class and shipped.model.head.multi_class
    path.write_text(mixup)
    cfg = Config.fromfile(path)
    assert not unread_keys(cfg)
    assert cfg.model.blending == dict(Config.fromfile(
        shipped_root() / 'configs/labels/mixup_av_digits.py').model.blending,
        alpha=.2)


@pytest.mark.slow
def test_the_commands_of_the_page(tmp_path, monkeypatch, capsys):
    """From a csv file to labels with shares, in the order of the page."""
    listing, = re.findall(r'(?s)```text\n(.*?)```', PAGE)
    head, *rows = re.sub('(?m)^ +', '', listing).splitlines()
    rows += [f'{i}_{row}' for i in range(4) for row in rows]
    for row in rows:
        name, labels = row.split(',')
        write_video(tmp_path / 'my_clips' / name,
                    sum(map(len, labels.split(';'))))
    (tmp_path / 'clips.csv').write_text('\n'.join([head, *rows]) + '\n')
    monkeypatch.chdir(tmp_path)
    commands = re.findall('(?m)^ +(mmbalance .*)', PAGE)
    assert len(commands) == 3
    for line in commands:
        capsys.readouterr()
        monkeypatch.setattr(sys, 'argv', shlex.split(line))
        assert not main(), line
    classes = Path('data/clips/own/classes.txt').read_text().split()
    assert classes == ['cat', 'dog', 'traffic']
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row['clip'] for row in found} == {'my_clips/park.mp4'}
    assert {row['label'] for row in found} <= {*classes, ''}
    summary = json.loads(
        Path('work_dirs/multi_label_clips/summary.json').read_text())
    assert set(summary['test']) == {
        'acc/mAP', 'acc/mAP_audio', 'acc/mAP_visual'}
