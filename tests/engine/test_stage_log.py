"""What a staged run tells: its log file, and what dashboards get."""
import json
import re

import pytest
from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend

from tests.configs.shipped import shortened
from tests.engine.digits import train

SENT = []


@VISBACKENDS.register_module()
class SentTags(BaseVisBackend):
    """Notes what a dashboard would be sent."""

    def _init_env(self):
        pass

    @property
    def experiment(self):
        return self

    def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
        SENT.append((dict(scalar_dict), step))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    SENT.clear()
    work_dir = tmp_path_factory.mktemp('run')
    cfg = shortened('late_fusion_av_digits.py', work_dir, max_epochs=2)
    cfg.visualizer.vis_backends = [
        dict(type='LocalVisBackend'), dict(type='SentTags')]
    train(cfg)
    return work_dir


STAGES = ['audio', 'visual']


def test_each_line_of_training_and_validation_names_its_stage(folder):
    path, = folder.glob('*/*.log')
    text = path.read_text()
    found = re.findall(r'INFO - (?:(\w+)  )?Epoch\((\w+)\) ?\[ ?(\d+)\]', text)
    once = [(stage, mode, str(2 * n + epoch)) for n, stage in enumerate(STAGES)
            for epoch in (1, 2) for mode in ('train', 'val')]
    # The assembled model is of no stage.
    assert found == [*once, ('', 'val', '4')]
    assert text.count('Config:') == 1


def test_a_validation_is_one_short_line(folder):
    path, = folder.glob('*/*.log')
    lines = re.findall(r'INFO - (.*Epoch\(val\).*)', path.read_text())
    for line, names in zip(lines, [['acc/top1_audio']] * 2
                           + [['acc/top1_visual']] * 2
                           + [['acc/top1_audio', 'acc/top1_visual',
                               'acc/top1']]):
        assert sorted(re.findall(r'(\S+): ', line)) == sorted(names)
        assert len(line) < 120
    test, = re.findall(r'INFO - (.*Epoch\(test\).*)', path.read_text())
    assert 'acc/macro_f1_visual: ' in test


def test_every_tag_names_its_stage(folder):
    path, = folder.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.pop('stage', None) for line in lines] == [
        *(stage for stage in STAGES for _ in range(4)), None]
    assert len(SENT) == len(lines)
    for n, ((tags, step), line) in enumerate(zip(SENT, lines)):
        assert line.pop('step') == step
        begin = f'{STAGES[n // 4]}/' if n < 8 else ''
        assert {begin + key for key in line} == set(tags)
    assert 'audio/acc/top1_audio' in SENT[1][0]
    assert 'acc/top1' in SENT[-1][0]
