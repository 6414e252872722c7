"""What the anchor's cache takes while it is filled, and what noise costs."""
import gc
import time
from unittest import mock

import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from mmbalance_plugin.datasets import ArrayDataset, Arrays
from mmbalance_plugin.engine.anchor_cache import build_anchor_cache
from mmbalance_plugin.functional.gradient_noise import (
    add_noise,
    noise_stds,
    unit_noise,
)
from mmbalance_plugin.utils.streams import stream
from tests.models.recognizers import toy

from .session import Session

# Convolutions of a ResNet18, roughly: number and shape.
_RESNET18 = ((5, (512, 512, 3, 3)), (16, (64, 64, 3, 3)))
_RESNET18_WEIGHTS = 11_000_000
_MODALITIES = ('rgb', 'flow')


def run(session: Session) -> None:
    """All checks of this file."""
    session.check("memory of the anchor's pass", _anchor_pass)
    session.check('noise of OGM-GE, to compare between kinds of cards',
                  _fingerprint)
    session.check('time of the noise for a ResNet18', _noise_time)


class _Vectors(ArrayDataset):
    """Samples that take no time to load."""
    count = 500

    def load_arrays(self) -> Arrays:
        inputs, _ = toy.batch(_MODALITIES, self.count)
        return Arrays(inputs, torch.arange(self.count) % toy.CLASSES)


def _anchor_pass(session: Session) -> str:
    _Vectors.count = 500 if session.quick else 50_000
    pack = dict(
        type='mmaction.PackActionInputs',
        collect_keys=_MODALITIES,
        meta_keys=('sample_idx', ))
    loader = DataLoader(
        _Vectors(pipeline=[pack]), batch_size=64, collate_fn=pseudo_collate)
    with mock.patch.dict(toy.CHANNELS, rgb=2048):
        model = toy.build(_MODALITIES).to(session.device)
    gc.collect()
    before = 0
    if session.cuda:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    cache = build_anchor_cache(model, loader, 'rgb', True)
    kept = 4 * (cache.features.numel() + cache.logits.numel())
    peak = torch.cuda.max_memory_allocated() - before if session.cuda else 0
    assert peak < 1.5 * kept, f'{kept} bytes kept, at most {peak} used'
    in_memory = build_anchor_cache(model, loader, 'rgb', True, 'cpu')
    assert in_memory.features.device.type == 'cpu'
    ids = torch.arange(64)
    for here, there in zip(cache.look_up(ids), in_memory.look_up(ids)):
        assert here.device == there.device and torch.equal(here, there)
    return f'{kept} bytes kept, at most {peak} used'


def _fingerprint(session: Session) -> str:
    noise = unit_noise(
        100_000 if session.quick else _RESNET18_WEIGHTS, 'normal',
        stream(0, 'ogm', 1, 'm', device=session.device))
    return f'begins {noise[:2].tolist()}, sums to {noise.double().sum():.6f}'


def _noise_time(session: Session) -> str:
    rounds, shapes = (1, _RESNET18[1:]) if session.quick else (50, _RESNET18)
    grads = [torch.randn(shape, device=session.device)
             for count, shape in shapes for _ in range(count)]
    for begin, count in ((0, 3), (3, rounds)):  # warm-up, measurement
        _synchronise(session)
        start = time.perf_counter()
        for i in range(begin, begin + count):
            add_noise(grads, noise_stds(grads), 'normal',
                      stream(0, 'x', i, device=session.device))
        _synchronise(session)
    seconds = time.perf_counter() - start
    return f'{1e3 * seconds / rounds:.2f} ms per modality'


def _synchronise(session: Session) -> None:
    if session.cuda:
        torch.cuda.synchronize()
