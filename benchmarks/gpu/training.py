"""Every training path, and that it repeats itself."""
import math
import os
from typing import Callable, Dict

import torch

from .session import Session, Skip, assert_same, weights

STAGED = dict(type='mmbalance_plugin.StagedTrainLoop', max_epochs=2)
UDI = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=2)
SGD = dict(type='SGD', lr=.05, momentum=.9)
OGM = dict(
    type='mmbalance_plugin.OGMOptimWrapper', alpha=.5, optimizer=SGD)
OGM_GE = dict(OGM, generalization_enhancement=True)
AMP = dict(
    OGM_GE, type='mmbalance_plugin.OGMAmpOptimWrapper', loss_scale='dynamic')
SAMPLED = dict(type='mmbalance_plugin.CLUBLoss', variant='sampled')
QUICK = ('joint', 'opm_ogm_ge', 'udi')


def joint(session: Session, opm: bool = False, **merge):
    """Config of joint training, with or without OPM."""
    cfg = session.config(STAGED, **merge)
    if opm:
        cfg.model = dict(
            type='mmbalance_plugin.OPM',
            warmup_epochs=0,
            recognizer=cfg.model.to_dict())
    return cfg


def udi(session: Session, wrapper=None, **options):
    """Config of UDI."""
    merge = dict(optim_wrapper=wrapper) if wrapper else {}
    return session.config(dict(UDI, **options), 'DecisionHead', **merge)


PATHS: Dict[str, Callable] = dict(
    joint=joint,
    ogm=lambda s: joint(s, optim_wrapper=OGM),
    ogm_ge=lambda s: joint(
        s, optim_wrapper=dict(OGM_GE, clip_grad=dict(max_norm=5.))),
    ogm_ge_accumulated=lambda s: joint(
        s, optim_wrapper=dict(OGM_GE, accumulative_counts=2)),
    opm=lambda s: joint(s, opm=True),
    opm_ogm_ge=lambda s: joint(s, opm=True, optim_wrapper=OGM_GE),
    udi=udi,
    udi_uncached=lambda s: udi(s, cache_anchor=False),
    udi_cached_in_memory=lambda s: udi(s, cache_device='cpu'),
    udi_sampled=lambda s: udi(s, complementarity=SAMPLED),
)
# MMEngine's AMP needs a card.
AMP_PATHS: Dict[str, Callable] = dict(
    ogm_ge_fp16=lambda s: joint(s, optim_wrapper=AMP),
    opm_ogm_ge_bf16=lambda s: joint(
        s, opm=True, optim_wrapper=dict(AMP, dtype='bfloat16')),
    udi_fp16=lambda s: udi(
        s, dict(type='AmpOptimWrapper', optimizer=SGD), cache_anchor=False),
)


def run(session: Session) -> None:
    """All checks of this file."""
    for name, make in {**PATHS, **AMP_PATHS}.items():
        if not session.quick or name in QUICK:
            session.check(f'path {name}', _path, name, make)
    session.check('same seed, same weights (OPM + OGM-GE)', _repeats)
    session.check('resumed equals uninterrupted (OPM + OGM-GE)', _resumes,
                  PATHS['opm_ogm_ge'], 1)
    session.check('resumed equals uninterrupted (UDI follower)', _resumes,
                  PATHS['udi'], 5)
    session.check('deterministic algorithms', _deterministic)
    session.check('a cache in memory changes nothing', _cached_in_memory)


def _path(session: Session, name: str, make: Callable) -> str:
    if name in AMP_PATHS and not session.cuda:
        raise Skip('AMP needs a card')
    runner = session.runs[name] = session.train(make(session))
    accuracy = runner.train_loop.assembled_metrics.get('acc/top1', math.nan)
    broken = [k for k, v in weights(runner).items() if not v.isfinite().all()]
    assert not broken, f'not finite: {broken}'
    return f'accuracy {accuracy:.3f}'


def _repeats(session: Session) -> None:
    again = session.train(PATHS['opm_ogm_ge'](session))
    assert_same(weights(session.runs['opm_ogm_ge']), weights(again))


def _cached_in_memory(session: Session) -> None:
    if 'udi_cached_in_memory' not in session.runs:
        raise Skip('not among the quick paths')
    assert_same(weights(session.runs['udi']),
                weights(session.runs['udi_cached_in_memory']))


def _resumes(session: Session, make: Callable, epoch: int) -> None:
    hook = dict(
        type='mmbalance_plugin.AtomicCheckpointHook',
        interval=1,
        max_keep_ckpts=-1,
        save_best='acc/top1')
    cfg = make(session)
    cfg.default_hooks.checkpoint = hook
    whole = session.train(cfg)
    if session.nccl:
        torch.distributed.barrier()
    again = make(session)
    again.default_hooks.checkpoint = hook
    again.resume = True
    again.load_from = f'{cfg.work_dir}/epoch_{epoch}.pth'
    resumed = session.train(again)
    assert_same(weights(whole), weights(resumed))
    session.runs[f'resumed {type(resumed.train_loop).__name__}'] = resumed


def _deterministic(session: Session) -> None:
    cfg = PATHS['opm_ogm_ge'](session)
    cfg.randomness = dict(seed=0, deterministic=True)
    # Some releases of torch refuse cuBLAS without it.
    os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    try:
        session.train(cfg)
    finally:
        torch.use_deterministic_algorithms(False)
