"""Optimiser and schedules, built afresh for every stage."""
import copy
from typing import Any, Optional, Sequence

from mmengine.config import Config

from .stage import Stage
from .stage_metrics import follow_own_metric


class StageOptimiser:
    """Builds a runner's optim wrapper and schedules for a stage.

    Taken from the runner before it builds its own, and from then on the one
    recipe of all stages.

    Raises:
        TypeError: The runner was given built objects, which cannot be built
            again.
    """

    def __init__(self, runner) -> None:
        self.wrapper_cfg = _config(runner.optim_wrapper, 'optim_wrapper')
        self.scheduler_cfg = _config(runner.param_schedulers,
                                     'param_scheduler')
        self._building: Optional[Stage] = None

    @property
    def horizon(self) -> Optional[int]:
        """int | None: Epochs of the stage whose schedules are being built:
        their default ``end`` is the stage's, not the run's."""
        return self._building.epochs if self._building else None

    def wrapper(self, stage: Stage) -> dict:
        """Config of a stage's optim wrapper; see :meth:`build`."""
        cfg = copy.deepcopy(self.wrapper_cfg)
        if stage.optim_wrapper:
            cfg = Config._merge_a_into_b(
                copy.deepcopy(stage.optim_wrapper), cfg)
        return cfg

    def schedules(self, stage: Stage,
                  metrics: Optional[Sequence[str]]) -> Any:
        """Configs of a stage's schedules; see :meth:`build`."""
        cfgs = self.scheduler_cfg if stage.param_scheduler is None else \
            stage.param_scheduler
        cfgs = copy.deepcopy(cfgs)
        if metrics is not None:
            follow_own_metric(cfgs, stage, metrics)
        return cfgs

    def build(self,
              runner,
              stage: Stage,
              metrics: Optional[Sequence[str]] = None) -> None:
        """Replace ``runner.optim_wrapper`` and ``runner.param_schedulers``.

        The learning rate is scaled as ``auto_scale_lr`` says. On resume this
        comes before the saved states are loaded.

        Args:
            runner (Runner): The runner.
            stage (Stage): The stage.
            metrics (Sequence[str], optional): What its validation emits.
                Defaults to None: not known.

        Raises:
            ValueError: A schedule follows a metric that the stage does not
                emit.
        """
        scheduler_cfg = self.schedules(stage, metrics)
        # scale_lr refuses to run once schedules exist.
        runner.param_schedulers = scheduler_cfg
        runner.optim_wrapper = runner.build_optim_wrapper(self.wrapper(stage))
        runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
        if scheduler_cfg is None:
            return
        self._building = stage
        try:
            runner.param_schedulers = runner.build_param_scheduler(
                runner.param_schedulers)
        finally:
            self._building = None


def _config(value: Any, key: str) -> Any:
    parts = value if isinstance(value, (list, tuple)) else [value]
    if value is not None and not all(isinstance(p, dict) for p in parts):
        raise TypeError(f'{key} must be a config dict, because every stage '
                        f'builds its own; got {type(value).__name__}')
    return copy.deepcopy(value)
