"""What the anchor's cache takes while it is filled, and what noise costs."""
import gc
import time

import torch

from mmbalance_plugin.engine.inference import forward_dataset
from mmbalance_plugin.functional.gradient_noise import (
    add_noise,
    noise_stds,
    unit_noise,
)
from mmbalance_plugin.utils.streams import stream

from .session import Session, bare

# Convolutions of a ResNet18, roughly: number and shape.
_RESNET18 = ((5, (512, 512, 3, 3)), (16, (64, 64, 3, 3)))
_RESNET18_WEIGHTS = 11_000_000


def run(session: Session) -> None:
    """All checks of this file."""
    session.check("memory of the anchor's pass", _anchor_pass)
    session.check('noise of OGM-GE, to compare between kinds of cards',
                  _fingerprint)
    session.check('time of the noise for a ResNet18', _noise_time)


def _anchor_pass(session: Session) -> str:
    runner = session.runs['udi']
    model = bare(runner)
    model.leave_stage()
    gc.collect()
    before = 0
    if session.cuda:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    outputs = forward_dataset(
        model, runner.train_loop.dataloader, features=True)
    tensors = (*outputs.features.values(), *outputs.logits.values())
    kept = sum(t.numel() * t.element_size() for t in tensors)
    if not session.cuda:
        return f'{kept} bytes kept'
    peak = torch.cuda.max_memory_allocated() - before
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
