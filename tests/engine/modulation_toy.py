"""Small convolutional recognizers, batches and runs for OGM and OPM."""
import copy

import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from torch.optim import SGD
from torch.utils.data import Dataset

from mmbalance_plugin.engine.gradients import OGMOptimWrapper
from mmbalance_plugin.registry import DATASETS, MODELS

MODALITIES = ('rgb', 'flow')
CLASSES = 4
# How loudly each modality tells the class: rgb is ahead from the start.
SIGNAL = dict(rgb=3., flow=.3, depth=1.)


def config(modalities=MODALITIES, norm=False, head='ConcatHead', **kwargs):
    """Encoders of two convolutions and, for flow, a projection."""
    encoders = {
        m: dict(
            backbone=dict(
                type='mmbalance_plugin.SmallConvNet',
                channels=(4, 6),
                norm_cfg=dict(type='BN') if norm else None),
            feat_channels=6,
            proj_channels=5 if m == 'flow' else None)
        for m in modalities
    }
    return dict(
        type='mmbalance_plugin.MultimodalRecognizer',
        encoders=encoders,
        head=dict(type=f'mmbalance_plugin.{head}', num_classes=CLASSES),
        **kwargs)


def build(*args, seed=0, opm=None, **kwargs):
    """A recognizer in training mode, inside OPM if its options are given."""
    torch.manual_seed(seed)
    cfg = config(*args, **kwargs)
    if opm is not None:
        cfg = dict(type='mmbalance_plugin.OPM', recognizer=cfg, **opm)
    model = MODELS.build(cfg)
    model.init_weights()
    return model.train()


@DATASETS.register_module()
class ModulationToyDataset(Dataset):
    """Images whose mean tells the class, more or less."""

    def __init__(self, n, modalities=MODALITIES, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.items = []
        for index in range(n):
            label = index % CLASSES
            inputs = {}
            for m in modalities:
                image = torch.randn(1, 8, 8, generator=generator)
                image[:, label * 2:label * 2 + 2] += SIGNAL[m]
                inputs[m] = image
            sample = ActionDataSample(metainfo=dict(sample_idx=index))
            self.items.append(
                dict(inputs=inputs, data_samples=sample.set_gt_label(label)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return copy.deepcopy(self.items[index])


def batches(count, size=8, modalities=MODALITIES, seed=0):
    """Collated batches, in the form ``train_step`` takes."""
    data = ModulationToyDataset(count * size, modalities, seed)
    return [
        pseudo_collate([data[i] for i in range(b * size, (b + 1) * size)])
        for b in range(count)
    ]


def split(batch, parts):
    """Cut a collated batch into equal parts."""
    size = len(batch['data_samples']) // parts
    return [
        dict(
            inputs={
                m: v[p * size:(p + 1) * size]
                for m, v in batch['inputs'].items()
            },
            data_samples=batch['data_samples'][p * size:(p + 1) * size])
        for p in range(parts)
    ]


def ogm(model, alpha=.8, bind=True, lr=.1, momentum=.9, max_counts=1000,
        **kwargs):
    """An OGM wrapper with SGD, bound to the model."""
    optimizer = SGD(model.parameters(), lr=lr, momentum=momentum)
    wrapper = OGMOptimWrapper(optimizer=optimizer, alpha=alpha, **kwargs)
    if bind:
        wrapper.initialize_count_status(model, 0, max_counts)
    return wrapper


def backward(model, batch, wrapper):
    """A training pass without an update."""
    data = model.data_preprocessor(batch, True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    wrapper.backward(wrapper.scale_loss(loss))


def modulated(model, batch, **options):
    """Gradients before and after the step of a wrapper that moves nothing."""
    wrapper = ogm(model, lr=0., momentum=0., **options)
    backward(model, batch, wrapper)
    before = gradients(model)
    wrapper.step()
    return before, gradients(model), wrapper.method.last


def gradients(model):
    return {
        name: p.grad.clone()
        for name, p in model.named_parameters() if p.grad is not None
    }


def weights(model):
    model = getattr(model, 'module', model)
    return {k: v.clone() for k, v in model.state_dict().items()}


def assert_same(a, b):
    """Bit-equality of two dicts of tensors."""
    assert a.keys() == b.keys() and len(a) > 0
    different = [k for k in a if not torch.equal(a[k], b[k])]
    assert not different, different


def assert_close(a, b, atol=1e-5):
    assert a.keys() == b.keys() and len(a) > 0
    for key in a:
        torch.testing.assert_close(a[key], b[key], atol=atol, rtol=0)


def run_cfg(work_dir, model, epochs=4, loop=None, batch_size=8, n=32, **merge):
    """Config of a run of 4 steps an epoch on the toy data, unvalidated."""
    cfg = dict(
        default_scope='mmaction',
        model=model,
        train_dataloader=dict(
            batch_size=batch_size,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            dataset=dict(
                type='mmbalance_plugin.ModulationToyDataset',
                n=n,
                modalities=tuple(
                    model.get('recognizer', model)['encoders']))),
        train_cfg=dict(
            loop or dict(type='mmbalance_plugin.StagedTrainLoop'),
            max_epochs=epochs),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='SGD', lr=.1, momentum=.9)),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=2),
            checkpoint=dict(type='CheckpointHook', interval=1)),
        randomness=dict(seed=3),
        log_level='WARNING',
        work_dir=str(work_dir),
        experiment_name=work_dir.name)
    cfg.update(copy.deepcopy(merge))
    return Config(cfg)


def train(cfg):
    torch.set_num_threads(1)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner
