"""What depends on a metric, told or mended before a stage begins."""
import inspect
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence

from mmaction.evaluation import AccMetric
from mmengine.hooks import CheckpointHook
from mmengine.registry import PARAM_SCHEDULERS

from ..expected_metrics import expected_metrics, refuse_missing
from ..hooks.atomic_checkpoint_hook import AtomicCheckpointHook
from .stage import Stage

_FUSED = ('pred_score', 'pred_label')
_NO_FUSED = ('reads the fused prediction, which the stage {!r} does not have: '
             'take mmbalance_plugin.MultimodalMetric into val_evaluator')


def stage_metrics(runner, stage: Stage) -> Optional[List[str]]:
    """What a stage's validation emits, None where that is not known."""
    if runner.val_loop is None or not stage.active:
        return None
    return expected_metrics(runner.val_loop.evaluator, stage.active,
                            stage.complete)


def check_metrics(runner, stages: Sequence[Stage]) -> None:
    """Refuse what would miss a metric in one of a run's stages: a monitor, a
    metric that reads the fused prediction, a hook that knows no stages."""
    if runner.val_loop is None:
        return
    for stage in stages:
        for metric in runner.val_loop.evaluator.metrics:
            process = getattr(type(metric), 'process', None)
            if not stage.complete and process is AccMetric.process:
                raise ValueError(f'{type(metric).__name__} '
                                 + _NO_FUSED.format(stage.name))
        names = stage_metrics(runner, stage)
        refuse_missing(f'stage {stage.name!r} monitors', stage.monitored,
                       names, "set the stage's monitor")
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and hook.save_best and \
                    not isinstance(hook, AtomicCheckpointHook):
                refuse_missing(
                    f'{type(hook).__name__} saves the best by',
                    [key for key in hook.save_best if key != 'auto'], names,
                    f'it would stop in the stage {stage.name!r}; use '
                    'mmbalance_plugin.AtomicCheckpointHook')


@contextmanager
def explain_fused_only(stage: Stage) -> Iterator[None]:
    """Around a validation: say what a bare KeyError of a metric means."""
    try:
        yield
    except KeyError as error:
        if stage.complete or error.args[0] not in _FUSED:
            raise
        raise KeyError(f'a metric {_NO_FUSED.format(stage.name)}') from error


def follow_own_metric(cfgs: Any, stage: Stage,
                      metrics: Sequence[str]) -> None:
    """Let schedules of a fused metric follow the stage's own modality.

    ``monitor`` of their configs is changed in place where the stage has no
    fused prediction, and one modality; one that follows none of the metrics
    that its validation emits is refused.
    """
    for cfg in cfgs if isinstance(cfgs, list) else [cfgs]:
        kind: Any = cfg.get('type') if isinstance(cfg, dict) else None
        kind = PARAM_SCHEDULERS.get(kind) if isinstance(kind, str) else kind
        if not getattr(kind, 'need_val_args', False):
            continue
        monitor = cfg.get('monitor') or inspect.signature(
            kind).parameters['monitor'].default
        alone = [f'{monitor}_{m}' for m in stage.active]
        if monitor not in metrics and len(alone) == 1 and \
                alone[0] in metrics:
            monitor = alone[0]
        refuse_missing(
            f'stage {stage.name!r}: {kind.__name__} follows', [monitor],
            metrics, 'set its monitor, or give the stage a param_scheduler')
        cfg['monitor'] = monitor
