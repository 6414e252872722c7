"""Small runs on real digits, for tests that need a whole Runner."""
import copy
import os
import os.path as osp
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

import mmbalance_plugin.registry  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get('MMBALANCE_DATA', ROOT / 'data'))
MODALITIES = ('audio', 'visual')


def loader(split, n, modalities=MODALITIES, shuffle=False, batch_size=32):
    """A data loader config over the first pairs of AVDigits."""
    return dict(
        batch_size=batch_size,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=shuffle),
        dataset=dict(
            type='mmbalance_plugin.AVDigitsDataset',
            split=split,
            data_root=str(DATA / 'av_digits'),
            n_pairs=n,
            n_components=8,
            audio_noise_std=.5,
            modalities=modalities,
            pipeline=[
                dict(
                    type='PackActionInputs',
                    collect_keys=modalities,
                    meta_keys=('sample_idx', ))
            ]))


def encoder(norm=True):
    """An encoder of a few thousand weights, with or without BatchNorm."""
    return dict(
        backbone=dict(
            type='mmbalance_plugin.SmallConvNet',
            channels=(8, 16),
            norm_cfg=dict(type='BN') if norm else None),
        feat_channels=16)


def digits_cfg(work_dir,
               loop,
               modalities=MODALITIES,
               n_train=192,
               n_val=96,
               batch_size=32,
               norm=True,
               head='DecisionHead',
               **merge):
    """Config of a run: 6 steps an epoch by default."""
    runtime = Config.fromfile(ROOT / 'configs/_base_/default_runtime.py')
    cfg = Config(runtime._cfg_dict.to_dict())
    metric = dict(type='mmbalance_plugin.MultimodalMetric')
    loop = dict(loop)
    loop.setdefault('type', 'mmbalance_plugin.StagedTrainLoop')
    cfg.merge_from_dict(
        dict(
            model=dict(
                type='mmbalance_plugin.MultimodalRecognizer',
                encoders={m: encoder(norm) for m in modalities},
                head=dict(type=f'mmbalance_plugin.{head}', num_classes=10),
                data_preprocessor=dict(
                    type='mmbalance_plugin.MultimodalDataPreprocessor',
                    preprocessors=dict.fromkeys(modalities))),
            train_dataloader=loader('train', n_train, modalities, True,
                                    batch_size),
            val_dataloader=loader('val', n_val, modalities),
            test_dataloader=loader('test', n_val, modalities),
            val_evaluator=metric,
            test_evaluator=metric,
            train_cfg=loop,
            val_cfg=dict(),
            test_cfg=dict(),
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=.05, momentum=.9)),
            param_scheduler=[
                dict(type='CosineAnnealingLR', convert_to_iter_based=True)
            ],
            work_dir=str(work_dir),
            experiment_name=osp.basename(work_dir)))
    cfg.merge_from_dict(copy.deepcopy(merge))
    return cfg


def train(cfg):
    """Train and return the runner."""
    torch.set_num_threads(1)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def weights(runner, prefix=''):
    """The model's state below a prefix, copied."""
    model = getattr(runner.model, 'module', runner.model)
    return {
        k: v.clone()
        for k, v in model.state_dict().items() if k.startswith(prefix)
    }


def assert_same(a, b):
    """Bit-equality of two state dicts."""
    assert a.keys() == b.keys() and len(a) > 0
    different = [k for k in a if not torch.equal(a[k], b[k])]
    assert not different, different
