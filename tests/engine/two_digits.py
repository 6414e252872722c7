"""Samples with two digits each, for tests of several labels."""
import torch
from mmengine.registry import DATASETS
from torch.nn.functional import one_hot

from mmbalance_plugin.datasets import AVDigitsDataset
from mmbalance_plugin.datasets.array_dataset import ArrayDataset, Arrays
from tests.engine.digits import DATA, MODALITIES, digits_cfg


@DATASETS.register_module()
class TwoDigits(ArrayDataset):
    """Two spoken digits, one after the other, and two pictures side by side.

    Which digits, not in which order: one label or two of ten.
    """

    METAINFO = AVDigitsDataset.METAINFO

    def __init__(self, split, n, modalities=MODALITIES, **kwargs):
        self.split, self.n, self.names = split, n, modalities
        super().__init__(test_mode=split != 'train', **kwargs)

    def load_arrays(self):
        digits = AVDigitsDataset(
            self.split, self.names, self.n, audio_noise_std=.5,
            n_components=8, data_root=str(DATA / 'av_digits'))
        inputs = {m: torch.cat([x, x.roll(1, 0)], -1)
                  for m, x in digits.inputs.items()}
        found = one_hot(digits.labels, 10)
        return Arrays(inputs, found | found.roll(1, 0))


def loader(split, n, modalities=MODALITIES, batch_size=32):
    return dict(
        batch_size=batch_size,
        num_workers=0,
        collate_fn=dict(type='mmbalance_plugin.collate_arrays'),
        sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
        dataset=dict(
            type='TwoDigits',
            _scope_='mmengine',
            split=split,
            n=n,
            modalities=modalities,
            pipeline=[
                dict(
                    type='mmbalance_plugin.PackMultimodalInputs',
                    inputs={m: m for m in modalities},
                    meta_keys=('sample_idx', ))
            ]))


def two_digits_cfg(work_dir, loop, n_train=192, n_val=96, batch_size=32,
                   modalities=MODALITIES, **merge):
    """Config of a run; see :func:`digits_cfg`."""
    cfg = digits_cfg(work_dir, loop, modalities, **merge)
    metric = dict(type='mmbalance_plugin.MultimodalMetric', measures=['mAP'])
    cfg.merge_from_dict(dict(
        model=dict(head=dict(multi_class=True)),
        val_evaluator=metric,
        test_evaluator=metric,
        default_hooks=dict(checkpoint=dict(save_best='acc/mAP'))))
    cfg.train_dataloader = loader('train', n_train, modalities, batch_size)
    cfg.val_dataloader = loader('val', n_val, modalities)
    cfg.test_dataloader = loader('test', n_val, modalities)
    return cfg
