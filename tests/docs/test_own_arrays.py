"""The page 'your own arrays' does what it says."""
import re
import shlex
import sys

import numpy as np
import pytest

from mmbalance_plugin.cli.main import main
from mmbalance_plugin.evaluation import load_predictions
from tests.docs.pages import text

PAGE = text('datasets/own_arrays')
BLOCKS = [re.sub('(?m)^   ', '', block) for block in
          re.findall(r'(?s)```python\n(.*?) *```', PAGE)]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder as the page describes it, for two epochs."""
    (tmp_path / 'my_data').mkdir()
    draw = np.random.default_rng(0)
    label = draw.integers(0, 3, 60)
    arrays = dict(label=np.array(['run', 'sit', 'walk'])[label],
                  group=np.arange(60) // 6)
    for name, shape in re.findall(r'my_data/(\w+).npy +\(n, (\d.*?)\)', PAGE):
        shape = [int(size) for size in shape.split(',')]
        arrays[name] = draw.normal(size=(60, *shape)) + label.reshape(
            -1, *[1] * len(shape))
    sample = {m: arrays[m][0].copy() for m in ('motion', 'skin', 'image')}
    np.savez(tmp_path / 'new_sample.npz', **sample)
    arrays['skin'][::4] = np.nan
    for name, array in arrays.items():
        np.save(tmp_path / f'my_data/{name}.npy', array)
    for block in BLOCKS[:-1]:
        name = re.match(r'# (\w+\.py)\n', block)[1]
        block = block.replace('max_epochs = 20', 'max_epochs = 1')
        (tmp_path / name).write_text(block)
    monkeypatch.chdir(tmp_path)
    return tmp_path, label, sample


@pytest.mark.slow
def test_the_commands_of_the_page(project, monkeypatch, capsys):
    commands = re.findall('(?m)^ +(mmbalance .*)', PAGE)
    assert [c.split()[1] for c in commands] == [
        'diagnose', 'train', 'compare', 'infer']
    for command in commands:
        command = command.replace(' 0 1 2 3 4', ' 0 1')
        monkeypatch.setattr(sys, 'argv', shlex.split(command))
        assert not main(), command
        said = capsys.readouterr().out
        if 'compare' in command:
            assert 'to joint_mine on the same' in ' '.join(said.split())
    assert re.search('run|sit|walk', said)


def test_from_python(project):
    folder, label, sample = project
    found = dict(sample)
    exec(BLOCKS[-1], found)
    shares = [m.share for m in found['prediction'].modalities.values()]
    assert sum(shares) + found['prediction'].baseline == pytest.approx(
        found['prediction'].score, abs=1e-6)
    gap = dict(sample, skin=np.full(12, np.nan))
    del sample['skin']
    without, same = found['inferencer']([sample, gap])
    assert without.modalities['skin'] is same.modalities['skin'] is None
    assert same.score == pytest.approx(without.score, abs=1e-6)
    tested = load_predictions(folder / 'work_dirs/from_python')['test']
    assert (label[tested.ids['row']] == tested.targets).all()
    lacking = np.isnan(tested.alone['skin']).all(1)
    assert (lacking == (tested.ids['row'] % 4 == 0)).all() and lacking.any()
