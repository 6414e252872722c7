"""What the stages of a run are, and setting one up."""
import copy
from typing import Any, Dict, List, Optional, Sequence

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop

from ...datasets.selection import load_only
from ...models.recognizers import MultimodalRecognizer
from ...models.wrappers import recognizer_of
from ...utils.streams import seed_everything
from ..steps.distributed import stepping_wrapper
from ..support import require_supported
from .held_out import hold_out as split_off
from .run_settings import run_settings
from .seeding import seed_worker
from .stage import Stage
from .stage_hooks import install_stage_hooks
from .stage_metrics import follow_own_metric, stage_metrics
from .stage_progress import StageProgress


class StageSetup(EpochBasedTrainLoop):
    """The part of :class:`StagedTrainLoop` that plans stages and enters them.

    Optim wrapper and schedules are taken from the runner before it builds
    its own, and are from then on the one recipe of all stages.

    Raises:
        TypeError: The runner was given a built optimiser or schedule, which
            cannot be built again for each stage.
    """

    planner = False
    """bool: Whether the loop plans stages of its own, and takes none."""

    def __init__(self,
                 runner,
                 dataloader,
                 max_epochs: Optional[int] = None,
                 stages: Optional[Sequence[Dict]] = None,
                 hold_out: float = 0.,
                 **kwargs) -> None:
        require_supported(runner, type(self).__name__)
        if max_epochs is None:
            max_epochs = runner.cfg.get('max_epochs')
        if max_epochs is None:
            raise ValueError('how many epochs? Set max_epochs in train_cfg, '
                             "or at the config's top level")
        if max_epochs != int(max_epochs):
            raise ValueError(f'max_epochs={max_epochs!r}: epochs are whole')
        self.default_epochs = int(max_epochs)
        self._wrapper_cfg = _recipe(runner.optim_wrapper, 'optim_wrapper')
        self._scheduler_cfg = _recipe(runner.param_schedulers,
                                      'param_scheduler')
        self._outer = runner.model.module if is_model_wrapper(
            runner.model) else runner.model
        self.model: MultimodalRecognizer = recognizer_of(runner.model)
        if self.planner and (stages is not None or self.modalities is None):
            raise ValueError(
                f'{type(self).__name__} plans the stages of a '
                'MultimodalRecognizer by itself: take such a model, and leave '
                'stages out')
        self.stages = self.plan(stages)
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f'stage names must be unique, got {names}')
        self.stage_index = 0
        self.progress = StageProgress()
        self.records: List[Dict[str, Any]] = []
        self.assembled_metrics: Dict[str, Any] = {}
        self._validated: Optional[Dict[str, Any]] = None  # these weights
        self.held_out = None
        self._horizon: Optional[int] = None
        self._resumed = False
        if hold_out:
            dataloader, self.held_out = split_off(dataloader, hold_out)
        super().__init__(
            runner,
            dataloader,
            max_epochs=sum(stage.epochs for stage in self.stages),
            **kwargs)
        # MMEngine's seeds a worker with the same number in every epoch, so
        # that augmentations repeat.
        self.dataloader.worker_init_fn = seed_worker
        self._settings = run_settings(runner, self.dataloader)
        install_stage_hooks(runner, self)

    # ---- what subclasses say -------------------------------------------
    def plan(self, stages: Optional[Sequence[Dict]]) -> List[Stage]:
        """Turn the config's stages into :class:`Stage` objects."""
        if stages is None:
            stages = [dict(name='joint', train='all')]
        if not stages:
            raise ValueError('stages=[] trains nothing: list them, or leave '
                             'it out for one stage that trains everything')
        return [
            Stage.from_cfg(cfg, self.model, self.default_epochs)
            for cfg in stages
        ]

    def to_be_reset(self) -> Sequence[str]:
        """Parts that some stage may start from scratch."""
        return sorted({
            part
            for stage in self.stages if stage.init == 'scratch'
            for part in self.model.find_parts(stage.train)[0]
        })

    def prepare_stage(self) -> None:
        """Before a stage begins for the first time (not on resume)."""

    def summary(self) -> Dict[str, Any]:
        """What a subclass adds to ``summary.json``."""
        return {}

    # ---- where the run stands ------------------------------------------
    @property
    def modalities(self) -> Optional[Sequence[str]]:
        """Sequence[str] | None: The model's modalities, if it names any."""
        return getattr(self.model, 'modalities', None)

    @property
    def terms(self) -> Sequence:
        """Sequence[ObjectiveTerm]: What the running stage trains towards;
        nothing once all are done, or for a model without terms."""
        return () if self.done else getattr(self.model, 'terms', ())

    @property
    def done(self) -> bool:
        """bool: Whether all stages are over."""
        return self.stage_index >= len(self.stages)

    @property
    def stage(self) -> Stage:
        """Stage: The running stage (the last one once all are done)."""
        return self.stages[min(self.stage_index, len(self.stages) - 1)]

    @property
    def max_epochs(self) -> int:
        """int: Epochs of all stages; of one stage while its schedules are
        built, so that their default ``end`` is the stage's."""
        return self._horizon or self._max_epochs

    @property
    def max_iters(self) -> int:
        """int: As :attr:`max_epochs`, in iterations."""
        return self.max_epochs * len(self.dataloader)

    # ---- entering a stage ----------------------------------------------
    def _try_stages(self) -> None:
        """Build what later stages say of their own, so as to fail now."""
        for i, stage in enumerate(self.stages):
            self._schedules(stage)
            try:
                if self.modalities is not None:
                    self.model.enter_stage(stage.train, stage.objective)
                    self.model.step.check(
                        self.model,
                        self._wrapper(stage).get('accumulative_counts', 1))
                if i and (stage.optim_wrapper or stage.param_scheduler):
                    self._build_optimiser(stage)
            except Exception as error:
                raise ValueError(f'stage {stage.name!r}: {error}') from error

    def _enter_stage(self) -> None:
        runner = self.runner
        self.progress = StageProgress()
        # What is built here may draw: after a resume, the same numbers.
        seed_everything(runner.seed, 'stage', self.stage.name)
        self.prepare_stage()
        stage = self.stage
        # First the terms, which may take what stands for their teachers.
        self._configure_stage()
        if stage.init == 'scratch':
            self.model.reset_parts(self.model.find_parts(stage.train)[0])
        if runner.cfg.get('compile'):
            # Or the stage would count as yet another variant of the same
            # functions, of which torch allows a handful before it gives up.
            torch.compiler.reset()
            if is_model_wrapper(runner.model):  # new, not compiled yet
                runner._maybe_compile('train_step')
        # Scalars of another stage would be printed as if they were news.
        scalars = runner.message_hub.log_scalars
        for key in [k for k in scalars if k.startswith('val/') or 'loss' in k]:
            scalars.pop(key)

    def _configure_stage(self) -> None:
        """Freeze, wrap and build the optimiser, fresh or before a resume."""
        runner, stage = self.runner, self.stage
        if self.modalities is not None:
            self.model.enter_stage(stage.train, stage.objective)
        if is_model_wrapper(runner.model):
            # DDP fixes at construction which parameters it reduces.
            runner.model = self._outer
            runner.model = runner.wrap_model(
                stepping_wrapper(runner.cfg), self._outer)
        self._build_optimiser(stage)

    def _load_only(self, train: Optional[Sequence[str]],
                   val: Optional[Sequence[str]]) -> None:
        """Load, decode and prepare only what the stage needs."""
        self.model.load_only(train)
        load_only(self.dataloader, train)
        if self.runner.val_loop is not None:
            load_only(self.runner.val_loop.dataloader, val)

    # ---- its optimiser -------------------------------------------------
    def _wrapper(self, stage: Stage) -> dict:
        cfg = copy.deepcopy(self._wrapper_cfg)
        if stage.optim_wrapper:
            cfg = Config._merge_a_into_b(
                copy.deepcopy(stage.optim_wrapper), cfg)
        return cfg

    def _schedules(self, stage: Stage) -> Any:
        cfgs = copy.deepcopy(self._scheduler_cfg if stage.param_scheduler is
                             None else stage.param_scheduler)
        metrics = stage_metrics(self.runner, stage)
        if metrics is not None:
            follow_own_metric(cfgs, stage, metrics)
        return cfgs

    def _build_optimiser(self, stage: Stage) -> None:
        """On resume this comes before the saved states are loaded."""
        runner = self.runner
        # scale_lr refuses to run once schedules exist.
        runner.param_schedulers = cfgs = self._schedules(stage)
        runner.optim_wrapper = runner.build_optim_wrapper(self._wrapper(stage))
        runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
        if cfgs is None:
            return
        self._horizon = stage.epochs
        try:
            runner.param_schedulers = runner.build_param_scheduler(cfgs)
        finally:
            self._horizon = None


def _recipe(value: Any, key: str) -> Any:
    parts = value if isinstance(value, (list, tuple)) else [value]
    if value is not None and not all(isinstance(p, dict) for p in parts):
        raise TypeError(f'{key} must be a config dict, because every stage '
                        f'builds its own; got {type(value).__name__}')
    return copy.deepcopy(value)
