"""Where a training step waits for the device."""
import collections
import os
import warnings
from contextlib import contextmanager
from typing import Iterator
from unittest import mock

import torch

from mmbalance_plugin.models.objectives import UnimodalLoss

from .session import Session, Skip, bare


def run(session: Session) -> None:
    """All checks of this file."""
    session.check('no wait inside a step (joint)', _step, 'joint')
    session.check('no wait inside a step (OPM + OGM-GE)', _step, 'opm_ogm_ge')
    session.check('no wait inside a step (UDI follower)', _step, 'udi')
    session.check('no wait inside a step (UDI follower, resumed)', _step,
                  'resumed UDITrainLoop')
    session.check('where a whole train_step waits (to read)', _whole_step)
    session.check('pinned inputs stay pinned until they are copied', _pinned)


@contextmanager
def waiting(session: Session, mode: str) -> Iterator[None]:
    """Let torch raise or warn where it waits for the device."""
    if session.cuda:
        torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        if session.cuda:
            torch.cuda.set_sync_debug_mode('default')


def first_batch(runner) -> dict:
    """A batch of the run's training data, as the loader gives it."""
    return next(iter(runner.train_loop.dataloader))


def _step(session: Session, name: str) -> None:
    """Forward, backward and update on a batch that is on the device."""
    runner = session.runs[name]
    model, guidance = bare(runner), getattr(runner.train_loop, 'guidance',
                                            None)
    if guidance is not None:
        model.enter_stage((guidance.follower, ), [UnimodalLoss(), guidance])
    model.train()
    data = model.data_preprocessor(first_batch(runner), True)
    for sample in data['data_samples']:
        sample.gt_label = sample.gt_label.to(session.device)
    # The first round allocates what the second one only uses.
    for mode in ('default', 'error'):
        with waiting(session, mode):
            losses = model(**data, mode='loss')
            sum(losses.values()).backward()
            runner.optim_wrapper.step()
            runner.optim_wrapper.zero_grad()


def _whole_step(session: Session) -> str:
    runner = session.runs['joint']
    batch = first_batch(runner)
    runner.model.train()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        with waiting(session, 'warn'):
            runner.model.train_step(batch, runner.optim_wrapper)
    return str(dict(collections.Counter(
        f'{os.path.basename(w.filename)}:{w.lineno}' for w in caught
        if 'synchron' in str(w.message))))


def _pinned(session: Session) -> None:
    if not session.cuda:
        raise Skip('the CPU has no pinned memory')
    preprocessor = bare(session.runs['joint']).data_preprocessor
    stack, pinned = torch.stack, []

    def spy(*args, **kwargs):
        stacked = stack(*args, **kwargs)
        pinned.append(stacked.is_pinned())
        return stacked

    with mock.patch.object(torch, 'stack', spy):
        preprocessor._stack(
            preprocessor.modalities[0],
            [torch.ones(1, 8, 8).pin_memory() for _ in range(4)], None)
    assert all(pinned), ('torch.stack of pinned tensors gives pageable '
                         'memory: non_blocking has no effect')
