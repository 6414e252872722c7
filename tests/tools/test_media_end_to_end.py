"""Prepare, train, test and infer by the tools' command lines only."""
import importlib.util
import json
import sys

import pytest

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets.prepare.crema_d import EMOTIONS
from mmbalance_plugin.datasets.prepare.kinetics_sounds import CLASSES_31
from tests.datasets import media_trees


@pytest.fixture
def tool(root, monkeypatch):
    """Call a tool with a command line, in this process."""

    def call(name, *args):
        spec = importlib.util.spec_from_file_location(
            f'tools_{name}', root / 'tools' / f'{name}.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, 'argv', [f'{name}.py', *map(str, args)])
        module.main()

    return call


def shortened(data):
    """Overrides that make a recipe short: data, epochs, sizes."""
    options = ['train_cfg.max_epochs=1']
    for split in ('train', 'val', 'test'):
        loader = f'{split}_dataloader'
        options += [
            f'{loader}.dataset.data_root={data}', f'{loader}.batch_size=6',
            f'{loader}.num_workers=0',
        ]
        resize = 4 if split == 'train' else 3
        options += [
            f'{loader}.dataset.pipeline.0.visual.{resize}.scale=(32,32)',
            f'{loader}.dataset.pipeline.0.audio.0.duration=.5'
        ]
    return options


def make_crema_d(root):
    names = media_trees.crema_names(media_trees.actors(train=2))
    return media_trees.crema_d(root, names)


def clips_of_crema_d(source):
    return [['--clip', f'visual={path}',
             f'audio={source}/AudioWAV/{path.stem}.wav']
            for path in sorted((source / 'VideoFlash').iterdir())[:3]]


def make_kinetics_sounds(root):
    return media_trees.kinetics_sounds(root, CLASSES_31[:4], train=5, test=2)


def clips_of_kinetics_sounds(source):
    return [[path] for path in sorted(source.rglob('*.mp4'))[:3]]


@pytest.mark.parametrize('name, make, clips, classes', [
    ('crema_d', make_crema_d, clips_of_crema_d, tuple(EMOTIONS.values())),
    pytest.param('kinetics_sounds', make_kinetics_sounds,
                 clips_of_kinetics_sounds, CLASSES_31,
                 marks=pytest.mark.slow),
])
def test_from_the_official_layout_to_predictions(tool, tmp_path, name, make,
                                                 clips, classes):
    """The commands of the README, on a generated tree and shortened."""
    source, data, work = (tmp_path / d for d in ('source', 'data', 'work'))
    make(source)
    prepare = [name, '--source', str(source), '--out', str(data)]
    assert main(prepare) == 1
    assert main([*prepare, '--accept-missing']) == 0

    config = f'configs/udi_{name}.py'
    options = shortened(data)
    tool('train', config, '--work-dir', work, '--cfg-options', *options)
    summary = json.loads((work / 'summary.json').read_text())
    assert summary['test']
    checkpoint, = work.glob('best_acc_top1*.pth')

    tool('test', config, checkpoint, '--work-dir', tmp_path / 'tested',
         '--cfg-options', *options)
    tested, = (tmp_path / 'tested').glob('*/*.json')
    assert json.loads(tested.read_text())['acc/top1'] == pytest.approx(
        summary['test']['acc/top1'])

    arguments = [part for clip in clips(source) for part in clip]
    out = tmp_path / 'predictions.json'
    tool('infer', config, checkpoint, *arguments, '--out', out,
         '--cfg-options', *options)
    report = json.loads(out.read_text())
    assert tuple(report['classes']) == classes
    assert set(report['modalities']) == {'audio', 'visual'}
    assert len(report['clips']) == 3
