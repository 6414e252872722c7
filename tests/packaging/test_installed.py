"""A wheel in an environment of its own, used from a folder with nothing."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

from tests.media_utils import tone, write_clip

# A recogniser of MMAction2 as it is, but small and without 250 views in tests.
RECOGNISER = """
_base_ = ['mmaction::recognition/tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-\
100e_kinetics400-rgb.py']
model = dict(
    backbone=dict(depth=18, pretrained=None),
    cls_head=dict(num_classes=2, in_channels=512))
test_dataloader = _base_.val_dataloader
"""
MINE = """
_base_ = ['mmbalance_plugin::joint_multiple_features.py']
train_cfg = dict(max_epochs=2)
model = dict(head=dict(type='mmbalance_plugin.SumHead'))
"""
SMALL = 'max_epochs=1 ' + \
    ' '.join(f'{split}_dataloader.{option}'
             for split in ('train', 'val', 'test')
             for option in ('batch_size=2', 'num_workers=0',
                            'persistent_workers=False', 'dataset.indices=2'))
SHORT = '--cfg-options train_cfg.max_epochs=1'
TRAINED = 'work_dirs/mine/mine.py work_dirs/mine/best.pth'
CALLS = f"""
list
prepare multiple_features --source packages
train joint_multiple_features {SHORT}
train mine.py
test {TRAINED}
infer {TRAINED} sample.npz
compare joint_multiple_features mine.py --seeds 0 1 --out grid {SHORT}
report grid --out page.html
diagnose mine.py --seeds 0 {SHORT}
convert recogniser.py --method udi --out udi.py --videos clips \
    --train-list list.txt --val-list list.txt --test-list list.txt
train udi.py --cfg-options {SMALL}
""".replace('\\\n', ' ').strip().splitlines()


@pytest.fixture(scope='module')
def environment(wheel, tmp_path_factory):
    """Folder of the programs of an environment that has the wheel."""
    folder = tmp_path_factory.mktemp('environment')
    # A working tree in PYTHONPATH would count as installed.
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    subprocess.run([sys.executable, '-m', 'venv', folder], check=True)
    # On a machine without a GPU, the build of torch without CUDA is the one
    # to take; it is what runs here. Nothing else is pinned.
    for wanted in (f'torch=={version("torch").split("+")[0]}',
                   f'{wheel}[mmcv-lite]'):
        subprocess.run([folder / 'bin/pip', 'install', '-q', wanted],
                       check=True, env=env)
    yield folder / 'bin'
    shutil.rmtree(folder)


@pytest.fixture
def folder(tmp_path, root):
    """What a user brings: packages, configs, a sample and clips."""
    shutil.copytree(root / 'data/multiple_features/packages',
                    tmp_path / 'packages')
    (tmp_path / 'mine.py').write_text(MINE)
    (tmp_path / 'recogniser.py').write_text(RECOGNISER)
    np.savez(tmp_path / 'sample.npz',
             **{name: np.load(root / f'data/multiple_features/{name}.npy')[0]
                for name in ('pix', 'fou', 'mor')})
    (tmp_path / 'clips').mkdir()
    lines = []
    for label in range(2):
        write_clip(tmp_path / f'clips/{label}.mp4', frames=20, fps=10,
                   sound=tone(2, hertz=300 * (1 + 3 * label)))
        lines.append(f'{label}.mp4 {label}\n')
    (tmp_path / 'list.txt').write_text(''.join(lines))
    return tmp_path


@pytest.mark.slow
def test_every_command_works_from_an_empty_folder(environment, folder):
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    env['PATH'] = os.pathsep.join([str(environment), env['PATH']])

    def run(*words):
        done = subprocess.run(words, cwd=folder, env=env, timeout=600,
                              capture_output=True, text=True)
        assert done.returncode == 0, (words, done.stdout[-2000:],
                                      done.stderr[-2000:])
        return done.stdout

    said = {}
    for call in CALLS:
        words = shlex.split(call)
        said[words[0]] = run('mmbalance', *words)
    assert ' multiple_features ' in said['list']
    assert '| mine | 2 |' in said['compare']
    assert f'commit v{version("mmbalance_plugin")}' in said['compare']
    assert (folder / 'page.html').stat().st_size > 10_000
    # What it says to run next runs.
    following, = re.findall('^next: (mmbalance .*)$', said['diagnose'], re.M)
    run(*shlex.split(following), *shlex.split(SHORT))
    test = json.loads((folder / 'work_dirs/udi/summary.json').read_text()
                      )['test']
    assert {'acc/top1', 'acc/top1_audio', 'acc/top1_visual'} <= set(test)
    # docs/clusters.md
    run('torchrun', '--nproc_per_node=2', '-m', 'mmbalance_plugin', 'train',
        'joint_multiple_features', '--launcher', 'pytorch', '--work-dir',
        'two', *shlex.split(SHORT))
    assert (folder / 'two/summary.json').is_file()
