"""MMAction2's own configs and expectations beside the plugin."""
import copy
import csv

import pytest
import torch
from mmaction.datasets import VideoDataset
from mmaction.datasets.base import BaseActionDataset
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, Runner

import mmbalance_plugin  # noqa: F401
from mmbalance_plugin.datasets import AudioVisualDataset
from tests.media_utils import tone, write_clip


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clips')
    for i in range(4):
        write_clip(folder / f'{i}.mp4', 6, 10, (32, 48), sound=tone(.6))
    (folder / 'list.txt').write_text(
        ''.join(f'{i}.mp4 {i % 2}\n' for i in range(4)))
    with open(folder / 'list.csv', 'w', newline='') as file:
        csv.writer(file).writerows(
            [['path', 'label']] + [[f'{i}.mp4', i % 2] for i in range(4)])
    return folder


def pipeline(test_mode=False):
    return [
        dict(type='PyAVInit'),
        dict(type='SampleFrames', clip_len=1, num_clips=2,
             test_mode=test_mode),
        dict(type='PyAVDecode'),
        dict(type='Resize', scale=(-1, 40)),
        dict(type='CenterCrop', crop_size=32),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs')
    ]


def config(folder, work_dir):
    """An ordinary config of MMAction2: TSN on a list of videos."""

    def loader(test_mode):
        return dict(
            batch_size=2, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=not test_mode),
            dataset=dict(
                type='VideoDataset', ann_file=str(folder / 'list.txt'),
                data_prefix=dict(video=str(folder)), test_mode=test_mode,
                pipeline=pipeline(test_mode)))

    return Config(dict(
        default_scope='mmaction',
        model=dict(
            type='Recognizer2D',
            backbone=dict(
                type='ResNet', depth=18, pretrained=None, norm_eval=False),
            cls_head=dict(
                type='TSNHead', num_classes=2, in_channels=512,
                consensus=dict(type='AvgConsensus', dim=1),
                average_clips='prob'),
            data_preprocessor=dict(
                type='ActionDataPreprocessor', mean=[123.7, 116.3, 103.5],
                std=[58.4, 57.1, 57.4], format_shape='NCHW')),
        train_dataloader=loader(False), val_dataloader=loader(True),
        val_evaluator=dict(type='AccMetric'),
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=1),
        val_cfg=dict(type='ValLoop'),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=.01, momentum=.9)),
        default_hooks=dict(
            runtime_info=dict(type='RuntimeInfoHook'),
            timer=dict(type='IterTimerHook'),
            logger=dict(type='LoggerHook', interval=1),
            param_scheduler=dict(type='ParamSchedulerHook'),
            checkpoint=dict(type='CheckpointHook', interval=1),
            sampler_seed=dict(type='DistSamplerSeedHook'),
            sync_buffers=dict(type='SyncBuffersHook')),
        randomness=dict(seed=3), log_level='ERROR', work_dir=str(work_dir)))


def train(cfg):
    runner = Runner.from_cfg(cfg)
    initial = copy.deepcopy(runner.model.state_dict())
    model = runner.train()
    assert type(runner.train_loop) is EpochBasedTrainLoop
    assert runner.iter == 2 and runner.epoch == 1
    scalars = runner.message_hub.log_scalars
    assert 0 <= scalars['val/acc/top1'].current() <= 1
    assert torch.isfinite(torch.tensor(scalars['train/loss'].current()))
    weight = 'backbone.conv1.conv.weight'
    assert not torch.equal(initial[weight], model.state_dict()[weight])
    return model.state_dict()


def test_video_config_trains_as_ever(folder, tmp_path):
    plain = train(config(folder, tmp_path / 'plain'))
    # MMEngine's own checkpoint, read by MMEngine's own means.
    saved = torch.load(
        tmp_path / 'plain/epoch_1.pth', map_location='cpu',
        weights_only=False)['state_dict']
    assert all(torch.equal(saved[key], plain[key]) for key in plain)


def test_video_config_trains_with_the_plugins_hooks(folder, tmp_path, root):
    base = Config.fromfile(root / 'configs/_base_/default_runtime.py')
    plain = train(config(folder, tmp_path / 'plain'))
    cfg = config(folder, tmp_path / 'hooks')
    cfg.default_hooks = base.default_hooks
    found = train(cfg)
    # Hooks that save and report do not change what is learned.
    assert all(torch.equal(found[key], plain[key]) for key in plain)
    assert list((tmp_path / 'hooks').glob('best_acc_top1*.pth'))


def ours(folder, **kwargs):
    kwargs.setdefault('pipeline', pipeline())
    return AudioVisualDataset(
        str(folder / 'list.csv'), data_prefix=dict(video=str(folder)),
        **kwargs)


def test_rows_are_those_of_a_video_dataset(folder):
    expected = VideoDataset(
        str(folder / 'list.txt'), [], data_prefix=dict(video=str(folder)))
    found = ours(folder, pipeline=[], classes=['a', 'b'])
    assert isinstance(found, BaseActionDataset)
    assert len(found) == len(expected)
    for i in range(len(found)):
        info = found.get_data_info(i)
        for key, value in expected.get_data_info(i).items():
            assert info[key] == value, key


def test_mmaction2s_own_pipeline_runs_on_our_dataset(folder):
    from mmengine.registry import init_default_scope
    init_default_scope('mmaction')
    settings = dict(classes=['a', 'b'], pipeline=pipeline(True),
                    test_mode=True)
    expected = VideoDataset(
        str(folder / 'list.txt'), pipeline(True),
        data_prefix=dict(video=str(folder)), test_mode=True)
    for one, other in zip(ours(folder, **settings), expected):
        assert torch.equal(one['inputs'], other['inputs'])
        assert (one['data_samples'].gt_label ==
                other['data_samples'].gt_label)


def test_arguments_of_the_base_class(folder):
    data = ours(folder, start_index=1, modality='Flow', pipeline=[],
                classes=['a', 'b', 'c'], multi_class=True, num_classes=3)
    info = data.get_data_info(1)
    assert (info['start_index'], info['modality']) == (1, 'Flow')
    assert info['label'].tolist() == [0., 1., 0.]
    assert data.num_classes == 3 and not data.test_mode
    assert ours(folder, pipeline=[], classes=['a', 'b'],
                test_mode=True).test_mode


def test_metainfo(folder):
    data = ours(folder, pipeline=[], metainfo=dict(classes=['a', 'b'],
                                                   origin='here'))
    assert list(data.metainfo['classes']) == ['a', 'b']
    assert data.metainfo['origin'] == 'here'
    data.metainfo['origin'] = 'changed'
    assert data.metainfo['origin'] == 'here'


@pytest.mark.parametrize('serialize', [True, False])
def test_subsets_and_lazy_init(folder, serialize):
    settings = dict(pipeline=[], classes=['a', 'b'],
                    serialize_data=serialize)
    data = ours(folder, lazy_init=True, **settings)
    assert not data._fully_initialized and not data.data_list
    data.full_init()
    assert data._fully_initialized and len(data) == 4
    part = data.get_subset([3, 0])
    assert len(part) == 2 and len(data) == 4
    assert [part.get_data_info(i)['filename'][-5:] for i in range(2)] == [
        '3.mp4', '0.mp4']
    assert len(ours(folder, indices=3, **settings)) == 3
    data.get_subset_(2)
    assert len(data) == 2
