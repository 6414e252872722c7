"""Where a training step waits for the device."""
import collections
import os
import warnings
from contextlib import contextmanager
from typing import Iterator

import torch

from mmbalance_plugin.models.objectives import UnimodalLoss
from mmbalance_plugin.utils.transfer import stack_for

from .session import Session, Skip, bare


def run(session: Session) -> None:
    """All checks of this file."""
    session.check('no wait inside a step (joint)', _step, 'joint')
    session.check('no wait inside a step (OPM + OGM-GE)', _step, 'opm_ogm_ge')
    session.check('no wait inside a step (UDI follower)', _step, 'udi')
    session.check('no wait inside a step (UDI follower, resumed)', _step,
                  'resumed UDITrainLoop')
    session.check('where a whole train_step waits (to read)', _whole_step)
    session.check('batches are put together in pinned memory', _pinned)


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
    """Preprocessing, forward, backward and update of a loaded batch."""
    runner = session.runs[name]
    model, guidance = bare(runner), getattr(runner.train_loop, 'guidance',
                                            None)
    if guidance is not None:
        model.enter_stage((guidance.follower, ), [UnimodalLoss(), guidance])
    model.train()
    batch = first_batch(runner)
    # The first round allocates what the second one only uses.
    for mode in ('default', 'error'):
        with waiting(session, mode):
            data = model.data_preprocessor(batch, True)
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
    assert stack_for(session.device, [torch.ones(2)] * 3).is_pinned()
