"""Recognisers of MMAction2 as audio-visual models of clips with sound."""
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import mmaction
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmbalance_plugin.apis.converter import (
    ConversionError,
    convert_config,
    methods,
)
from mmbalance_plugin.media import MissingStreamError
from mmbalance_plugin.registry import DATASETS
from tests.engine.digits import weights
from tests.media_utils import steps, tone, write_clip

CONFIGS = Path(mmaction.__file__).parent / '.mim' / 'configs'
TSN = 'recognition/tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_' \
    'kinetics400-rgb.py'
SLOWONLY = 'recognition/slowonly/slowonly_r50_8xb16-4x16x1-256e_' \
    'kinetics400-rgb.py'
SLOWFAST = 'recognition/slowfast/slowfast_r50_8xb8-4x16x1-256e_' \
    'kinetics400-rgb.py'
AUDIO = 'recognition_audio/resnet/tsn_r18_8xb320-64x1x1-100e_' \
    'kinetics400-audio-feature.py'


def plain(_, size):
    return np.full((size[1], size[0], 3), 128, np.uint8)


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Two classes, told apart by brightness and by pitch."""
    folder = tmp_path_factory.mktemp('clips')
    lines = []
    for i in range(8):
        label = i % 2
        write_clip(
            folder / f'{i}.mp4', frames=20, fps=10, size=(64, 64),
            draw=lambda n, size, c=label: plain(n, size) // (3 - 2 * c),
            sound=tone(2, hertz=300 * (1 + 3 * label)))
        lines.append(f'{i}.mp4 {label}\n')
    (folder / 'list.txt').write_text(''.join(lines))
    return folder


def converted(name, folder, clips, method='udi', **more):
    out = folder / 'converted.py'
    lists = dict.fromkeys(('train', 'val', 'test'), str(clips / 'list.txt'))
    out.write_text(convert_config(CONFIGS / name, method, lists, str(clips),
                                  folder=folder))
    cfg = Config.fromfile(out)
    small(cfg)
    cfg.merge_from_dict(dict(
        {'work_dir': str(folder / 'run'), 'max_epochs': 1,
         'model.head.num_classes': 2}, **more))
    return cfg


def small(cfg):
    """The same pipelines, for pictures of 32 pixels and short clips."""
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.batch_size, loader.num_workers = 4, 0
        loader.persistent_workers = False
        for step in steps(loader.dataset.pipeline):
            if step.type == 'Resize':
                step.scale = (32, 32) if step.scale[0] > 0 else (-1, 32)
            for key in ('crop_size', 'input_size'):
                if key in step:
                    step[key] = 32
            if step.type == 'SampleFrames':
                step.num_clips = 1
                step.frame_interval = 1
            if step.type == 'mmbalance_plugin.PyAVAudioDecode':
                step.duration = min(step.duration, 1.)
    for encoder in cfg.model.encoders.values():
        if 'pretrained' in encoder.backbone:
            encoder.backbone.pretrained = None


@pytest.mark.parametrize('name', [
    SLOWONLY, *(pytest.param(name, marks=pytest.mark.slow)
                for name in (TSN, SLOWFAST, AUDIO))])
def test_it_trains(name, clips, tmp_path):
    runner = Runner.from_cfg(converted(name, tmp_path, clips))
    before = weights(runner)
    runner.train()
    after = weights(runner)
    assert any(not torch.equal(before[k], after[k]) for k in after)
    test = load(tmp_path / 'run' / 'summary.json')['test']
    assert {'acc/top1', 'acc/top1_audio', 'acc/top1_visual'} <= set(test)


QUICK = ('udi', 'mmpareto', 'opm_ogm_ge', 'qmf')


@pytest.mark.parametrize('method', [
    *QUICK, *(pytest.param(m, marks=pytest.mark.slow)
              for m in methods() if m not in QUICK)])
def test_every_method_gives_a_config(method, tmp_path):
    out = tmp_path / 'out.py'
    out.write_text(convert_config(CONFIGS / TSN, method))
    cfg = Config.fromfile(out)
    shipped = Config.fromfile(
        Path(__file__).parents[2] / f'configs/{method}_kinetics_sounds.py')
    for key in ('step', 'objective', 'type'):
        assert cfg.model.get(key) == shipped.model.get(key)
    assert cfg.train_cfg.type == shipped.train_cfg.type
    assert cfg.optim_wrapper.get('type', 'OptimWrapper') == \
        shipped.optim_wrapper.type
    assert cfg.optim_wrapper.optimizer.lr == .01
    assert cfg.max_epochs == 100
    assert cfg.log_processor.type == shipped.log_processor.type
    assert cfg.visualizer.type == shipped.visualizer.type


def test_what_the_author_wrote_stays():
    base = Config.fromfile(CONFIGS / SLOWFAST)
    text = convert_config(CONFIGS / SLOWFAST)
    scope = {}
    exec(text, scope)
    encoder = scope['model']['encoders']['visual']
    assert encoder['backbone'] == base.model.backbone
    assert encoder['outputs'] == 'all'
    assert encoder['feat_channels'] == 2048 + 256
    assert 'optim_wrapper' not in scope and 'param_scheduler' not in scope
    pipeline = scope['train_dataloader']['dataset']['pipeline']
    assert pipeline[0]['visual'] == base.train_pipeline[:-1]
    assert 'batch_size' not in scope['train_dataloader']


@pytest.mark.parametrize('name, method, message', [
    (AUDIO, 'udi', 'name extracted sound features'),
    (TSN, 'ogm', "no method 'ogm'"),
    ('recognition/tpn/tpn-slowonly_r50_8xb8-8x8x1-150e_kinetics400-rgb.py',
     'udi', 'neck'),
    ('skeleton/stgcn/stgcn_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py',
     'udi', 'RecognizerGCN cannot be converted'),
    ('recognition/tsn/tsn_imagenet-pretrained-r50_8xb32_5x1x3-110e_'
     'kinetics400-flow.py', 'udi', 'RawframeDataset, which has no sound'),
])
def test_what_cannot_be_converted_is_refused_by_name(name, method, message):
    with pytest.raises((ConversionError, ValueError), match=message):
        convert_config(CONFIGS / name, method)


@pytest.mark.parametrize('method', ['udi', 'opm'])
def test_several_labels_stay_several(tmp_path, method):
    """As MMAction2 writes them."""
    several = tmp_path / 'several.py'
    several.write_text(
        f'_base_ = {str(CONFIGS / TSN)!r}\n'
        'model = dict(cls_head=dict(multi_class=True, loss_cls=dict('
        'type="BCELossWithLogits")))\n' + ''.join(
            f'{split}_dataloader = dict(dataset=dict(multi_class=True, '
            'num_classes=400))\n' for split in ('train', 'val', 'test')))
    out = tmp_path / 'out.py'
    out.write_text(convert_config(several, method))
    cfg = Config.fromfile(out)
    assert cfg.model.get('recognizer', cfg.model).head.multi_class
    for split in ('val', 'test'):
        assert cfg[f'{split}_evaluator'].measures == ['mAP']
        assert cfg[f'{split}_dataloader'].dataset.multi_class
    assert cfg.default_hooks.checkpoint.save_best == 'acc/mAP'


def test_clips_without_sound(clips, tmp_path):
    (tmp_path / 'cut').mkdir()
    for i in range(8):
        shutil.copy(clips / f'{i}.mp4', tmp_path / 'cut')
    write_clip(tmp_path / 'cut/3.mp4', frames=20, fps=10)
    shutil.copy(clips / 'list.txt', tmp_path / 'cut')
    cfg = converted(SLOWONLY, tmp_path, tmp_path / 'cut')
    init_default_scope('mmaction')
    with pytest.raises(MissingStreamError, match="3.mp4: has no sound .*; "
                       r"AudioVisualDataset\(missing='skip'\) leaves such"):
        DATASETS.build(cfg.train_dataloader.dataset)[3]
    cfg.train_dataloader.dataset.missing = 'mask'
    sample = DATASETS.build(cfg.train_dataloader.dataset)[3]
    assert sample['data_samples'].modality_mask == dict(
        audio=False, visual=True)
    assert sample['data_samples'].gt_label.tolist() == [1]


def test_mixed_pictures_are_refused(tmp_path):
    mixed = tmp_path / 'mixed.py'
    mixed.write_text(
        f'_base_ = {str(CONFIGS / TSN)!r}\n'
        'model = dict(data_preprocessor=dict(blending=dict(type="Mixup")))\n')
    with pytest.raises(ConversionError, match='blending mixes the pictures'):
        convert_config(mixed)


def test_the_tool_writes_a_file_and_never_over_one(root, tmp_path):
    line = [sys.executable, root / 'tools/convert.py', CONFIGS / TSN,
            '--method', 'joint', '--out', 'new/joint.py']
    run = partial(subprocess.run, line, cwd=tmp_path, capture_output=True,
                  text=True, env=dict(os.environ, PYTHONPATH=str(root)))
    assert run().returncode == 0
    cfg = Config.fromfile(tmp_path / 'new/joint.py')
    assert cfg.model.head.type == 'mmbalance_plugin.ConcatHead'
    again = run()
    assert again.returncode == 2 and 'is there already' in again.stderr


@pytest.mark.slow
def test_sound_alone_and_picture_alone_beat_chance(clips, tmp_path):
    cfg = converted(SLOWONLY, tmp_path, clips, 'late_fusion', max_epochs=20)
    cfg.model.encoders.visual.backbone.depth = 18
    cfg.model.encoders.visual.feat_channels = 512
    cfg.optim_wrapper.optimizer.lr = .01
    cfg.param_scheduler = None
    cfg.train_cfg.val_interval = 5
    Runner.from_cfg(cfg).train()
    test = load(tmp_path / 'run' / 'summary.json')['test']
    assert test['acc/top1_audio'] > .8
    assert test['acc/top1_visual'] > .8
