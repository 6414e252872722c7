"""The one loop that knows stages, checkpoints, resume and DDP."""
import time
from bisect import bisect
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from mmengine.dist import broadcast, get_rank, is_distributed
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop

from ...datasets.selection import load_only
from ...models.wrappers import recognizer_of
from ...registry import LOOPS
from ..features import feature_bank
from ..hooks.stage_hooks import install_stage_hooks
from ..run_settings import run_settings
from ..selected import forget_others
from ..steps.distributed import stepping_wrapper
from ..support import require_supported
from .accumulation import begin_accumulation, leftover
from .excursion import excursion
from .held_out import hold_out as split_off
from .idle_encoders import watch_encoders
from .resumable_stages import ResumableStages
from .seeding import reseed_workers, seed_everything, set_sampler_epoch
from .stage import Stage
from .stage_metrics import check_metrics, explain_fused_only, stage_metrics
from .stage_optimiser import StageOptimiser
from .stage_progress import StageProgress


@LOOPS.register_module()
class StagedTrainLoop(ResumableStages, EpochBasedTrainLoop):
    """Train in stages, each with its own optimiser and schedule.

    A stage says which modalities train, towards which objective, for how
    long and which weights are kept (:class:`Stage`). The optimiser, its
    wrapper and the schedules are built afresh for every stage from the one
    ``optim_wrapper`` and ``param_scheduler`` of the config; schedules count
    the stage's own epochs. After the last stage the model is *assembled*:
    every part holds its stage's best weights, a head that fits combination
    weights fits them on the validation split, and the fused model is
    validated once.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader | dict): Training data.
        max_epochs (int, optional): Epochs of a stage that does not say its
            own. Defaults to None: ``max_epochs`` at the config's top level.
        stages (Sequence[dict]): See :class:`Stage`. Defaults to None, one
            stage that trains everything towards the fused prediction.
        val_begin (int): First epoch of a stage that is validated.
            Defaults to 1.
        val_interval (int): Epochs between validations; a stage's last
            epoch always is validated. Defaults to 1.
        dynamic_intervals (list[tuple[int, int]]): Epochs of a stage, and the
            interval from each of them on. Defaults to None.
        hold_out (float): Share of the training samples that no stage trains
            on, for what is calibrated on them: :attr:`held_out`, see
            :func:`~mmbalance_plugin.engine.loops.held_out.hold_out`.
            Defaults to 0, none.

    Attributes:
        held_out (Dataset | None): Those samples, with the pipeline of
            training.

    Note:
        **Random numbers.** The global generators of torch, NumPy and Python
        are set at the start of every epoch from (seed, epoch of the stage,
        rank), and the sampler is given the stage's epoch. A stage is
        therefore the same computation wherever it stands in the list of
        stages.

        **Resume.** The checkpoint carries the stage, its epoch, best
        weights and patience; a validation that was pending is run again
        before training goes on. On a CPU the continued run is bit-equal to
        an uninterrupted one. Data workers that persist across epochs keep
        random states no checkpoint holds: with random transforms set
        ``persistent_workers=False`` for exact resume. A config that differs
        from the one the run was started with is refused where what has been
        trained depends on the difference (model, optimiser, schedules, size
        of the global batch, stages that have begun), and each other
        difference is told.

        **DDP.** The model is wrapped anew at each stage, over just the
        parameters that train. The kept weights are rank 0's. Buffers of
        frozen parts are left out of :class:`SyncBuffersHook`.

        **AMP, accumulation, clipping** are the optim wrapper's and work as
        in any mmengine run, except that accumulation starts afresh in each
        epoch: where the batches of an epoch are not a multiple of
        ``accumulative_counts``, its last update averages the ones left
        over. Gradients waiting across an epoch's end are in no checkpoint.
    """

    def __init__(self,
                 runner,
                 dataloader,
                 max_epochs: Optional[int] = None,
                 stages: Optional[Sequence[Dict]] = None,
                 val_begin: int = 1,
                 val_interval: int = 1,
                 dynamic_intervals: Optional[List[Tuple[int, int]]] = None,
                 hold_out: float = 0.) -> None:
        require_supported(runner, type(self).__name__)
        self.default_epochs = epochs_of(runner, max_epochs)
        self._optimiser = StageOptimiser(runner)
        self._outer = unwrap(runner.model)
        self._model = recognizer_of(runner.model)
        self.stages = self.plan(stages)
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f'stage names must be unique, got {names}')
        self.stage_index = 0
        self.progress = StageProgress()
        self.records: List[Dict[str, Any]] = []
        self.assembled_metrics: Dict[str, Any] = {}
        self._resumed = False
        self.held_out = None
        if hold_out:
            dataloader, self.held_out = split_off(dataloader, hold_out)
        super().__init__(
            runner,
            dataloader,
            max_epochs=sum(stage.epochs for stage in self.stages),
            val_begin=val_begin,
            val_interval=val_interval,
            dynamic_intervals=dynamic_intervals)
        reseed_workers(self.dataloader)
        self._settings = run_settings(runner, self.dataloader)
        install_stage_hooks(runner, self)

    # ---- what subclasses say -------------------------------------------
    def plan(self, stages: Optional[Sequence[Dict]]) -> List[Stage]:
        """Turn the config's stages into :class:`Stage` objects."""
        if stages is None:
            stages = [dict(name='joint', train='all')]
        if not stages:
            raise ValueError('stages=[] trains nothing: leave it out for one '
                             'stage that trains everything')
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
    def model(self) -> torch.nn.Module:
        """nn.Module: The recognizer, without wrappers."""
        return self._model

    @property
    def modalities(self) -> Optional[Sequence[str]]:
        """Sequence[str] | None: The model's modalities, if it names any."""
        return getattr(self._model, 'modalities', None)

    @property
    def terms(self) -> Sequence:
        """Sequence[ObjectiveTerm]: What the running stage trains towards;
        nothing once all are done, or for a model without terms."""
        return () if self.done else getattr(self._model, 'terms', ())

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
        return self._optimiser.horizon or self._max_epochs

    @property
    def max_iters(self) -> int:
        """int: As :attr:`max_epochs`, in iterations."""
        return self.max_epochs * len(self.dataloader)

    def excursion(self):
        """See :func:`~mmbalance_plugin.engine.loops.excursion.excursion`."""
        return excursion(self)

    # ---- the run -------------------------------------------------------
    def run(self) -> torch.nn.Module:
        """Run the remaining stages, then assemble."""
        runner = self.runner
        check_metrics(runner, self.stages)
        runner.call_hook('before_train')
        if not self._resumed:
            resettable = self.to_be_reset()
            if resettable:
                self.model.note_initial_weights(resettable)
            self._try_stages()
            self._enter_stage()
        while not self.done:
            self._run_stage()
            self._finish_stage()
            self.stage_index += 1
            if self.stop_training:
                runner.logger.warning(
                    'training was told to stop: the stages '
                    f'{[s.name for s in self.stages[self.stage_index:]]} '
                    'are left out')
                self.stage_index = len(self.stages)  # also after a resume
                break
            if not self.done:
                self._enter_stage()
        self._assemble()
        runner.call_hook('after_train')
        return runner.model

    def _try_stages(self) -> None:
        """Build what later stages say of their own, so as to fail now."""
        runner = self.runner
        for i, stage in enumerate(self.stages):
            metrics = stage_metrics(runner, stage)
            self._optimiser.schedules(stage, metrics)
            try:
                if self.modalities is not None:
                    self.model.enter_stage(stage.train, stage.objective)
                    wrapper = self._optimiser.wrapper(stage)
                    self.model.step.check(
                        self.model, wrapper.get('accumulative_counts', 1))
                if i and (stage.optim_wrapper or stage.param_scheduler):
                    self._optimiser.build(runner, stage, metrics)
            except Exception as error:
                raise ValueError(f'stage {stage.name!r}: {error}') from error

    def _enter_stage(self) -> None:
        self.progress = StageProgress()
        # What is built here may draw: after a resume, the same numbers.
        seed_everything(self.runner.seed, 'stage', self.stage.name)
        self.prepare_stage()
        stage = self.stage
        # First the terms, which may take what stands for their teachers.
        self._configure_stage()
        if stage.init == 'scratch':
            self.model.reset_parts(self.model.find_parts(stage.train)[0])
        self._compile_afresh()
        # Scalars of another stage would be printed as if they were news.
        scalars = self.runner.message_hub.log_scalars
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
        self._optimiser.build(runner, stage, stage_metrics(runner, stage))

    def _compile_afresh(self) -> None:
        """Where ``compile`` is set: give each stage compiled code of its own.

        Otherwise it would count as yet another variant of the same
        functions, of which torch allows a handful before it gives up.
        """
        runner = self.runner
        if not runner.cfg.get('compile'):
            return
        torch.compiler.reset()
        if is_model_wrapper(runner.model):  # a new one, not compiled yet
            runner._maybe_compile('train_step')

    def _run_stage(self) -> None:
        runner, stage, progress = self.runner, self.stage, self.progress
        self._begin_accumulation()
        trained = 'everything' if stage.train == 'all' else ', '.join(
            stage.train)
        runner.logger.info(
            f'Stage {self.stage_index + 1}/{len(self.stages)} '
            f'"{stage.name}": {trained} trains, {stage.objective_name} '
            f'objective, epoch {progress.epoch} of {stage.epochs} done, '
            f'best weights by {stage.monitor_name}')
        for term in self.terms:
            term.start_stage(self)
        if self.modalities is not None:
            watch_encoders(self.model, runner.optim_wrapper.optimizer,
                           runner.logger)
            self._load_only(self.model.loaded, self.model.active)
        runner.call_hook('before_stage', stage=stage)
        if progress.pending:
            self._validate()
        while (progress.epoch < stage.epochs and not self.stop_training
               and not progress.exhausted(stage)):
            self.run_epoch()
            if self._due(progress.epoch):
                self._validate()
            else:
                progress.pending = False
        runner.call_hook('after_stage', stage=stage)

    def _load_only(self, train: Optional[Sequence[str]],
                   val: Optional[Sequence[str]]) -> None:
        """Load, decode and prepare only what the stage needs."""
        self.model.load_only(train)
        load_only(self.dataloader, train)
        if self.runner.val_loop is not None:
            load_only(self.runner.val_loop.dataloader, val)

    def _begin_accumulation(self) -> None:
        begin_accumulation(self.runner.optim_wrapper, self.runner.model,
                           len(self.dataloader), self.progress.epoch,
                           self.stage.epochs)

    def _due(self, epoch: int) -> bool:
        # As MMEngine's loop asks, of the epoch that comes next.
        phase = bisect(self.dynamic_milestones, epoch + 1)
        interval = self.dynamic_intervals[phase - 1]
        return self.runner.val_loop is not None and (
            epoch == self.stage.epochs or
            (epoch >= self.val_begin and epoch % interval == 0))

    def run_epoch(self) -> None:
        """One epoch of the running stage."""
        runner, progress = self.runner, self.progress
        begin = time.perf_counter()
        # Schedules of modulation methods count the stage's epochs.
        runner.message_hub.update_info('stage_epoch', progress.epoch)
        runner.call_hook('before_train_epoch')
        runner.model.train()
        seed_everything(runner.seed, 'train', progress.epoch, get_rank())
        set_sampler_epoch(self.dataloader, progress.epoch)
        if leftover(runner.optim_wrapper, len(self.dataloader)):
            self._begin_accumulation()
        for idx, data_batch in enumerate(self.dataloader):
            runner.message_hub.update_info('stage_iter', progress.iter)
            self.run_iter(idx, data_batch)
            progress.iter += 1
        # The checkpoint is written by a hook in the next line, before the
        # validation: what it says must hold for a run that resumes there.
        progress.epoch += 1
        progress.pending = self._due(progress.epoch)
        progress.seconds += time.perf_counter() - begin
        self._end_epoch()
        runner.call_hook('after_train_epoch')
        self._epoch += 1

    def run_iter(self, idx, data_batch) -> None:
        """One step."""
        for term in self.terms:
            term.before_batch(self, idx, data_batch)
        super().run_iter(idx, data_batch)

    def _end_epoch(self) -> None:
        """Log what the terms have to say, before the checkpoint is written.
        """
        record: Dict[str, float] = {}
        for term in self.terms:
            record.update(term.end_epoch())
        if not record:
            return
        self.progress.history.append(dict(epoch=self.progress.epoch, **record))
        self.runner.visualizer.add_scalars(record, step=self.epoch + 1)
        text = ', '.join(f'{k} {v:.4g}' for k, v in record.items())
        self.runner.logger.info(
            f'{self.stage.name}, epoch {self.progress.epoch}: {text}')

    def _validate(self) -> None:
        begin = time.perf_counter()
        with explain_fused_only(self.stage):
            metrics = self.runner.val_loop.run()
        if self.progress.pending:  # a loop without the usual hook call
            self.progress.update(self.stage, metrics, self._trained_state())
        self.progress.seconds += time.perf_counter() - begin

    def take_validation(self, metrics: Dict[str, Any]) -> None:
        """Take in the stage's validation while its hooks still run."""
        if self.progress.pending and \
                set(self.stage.monitored) <= metrics.keys():
            self.progress.update(self.stage, metrics, self._trained_state())

    def _trained_state(self) -> Dict[str, torch.Tensor]:
        if self.modalities is None:
            return self.model.state_dict()
        return self.model.part_state_dict()

    def _finish_stage(self) -> None:
        runner, stage, progress = self.runner, self.stage, self.progress
        best = progress.best_weights
        if stage.keep == 'best' and best is not None:
            missing = self.model.load_state_dict(best, strict=False)
            if missing.unexpected_keys:
                raise RuntimeError(f'stage {stage.name!r}: the model has no '
                                   f'{missing.unexpected_keys}')
        if is_distributed():
            for tensor in self._trained_state().values():
                broadcast(tensor)
        # Epochs that early stopping saved no longer count towards the ETA.
        self._max_epochs -= stage.epochs - progress.epoch
        runner.message_hub.update_info('max_epochs', self.max_epochs)
        runner.message_hub.update_info('max_iters', self.max_iters)
        self.records.append(progress.record(stage))
        kept = 'last weights kept'
        if stage.keep == 'best' and best is not None:
            kept = (f'best weights of epoch {progress.best_epoch} kept: '
                    f'{stage.monitor_name} {progress.best_score:.4f}')
        runner.logger.info(f'Stage "{stage.name}" done after '
                           f'{progress.epoch} epochs; {kept}')

    def _assemble(self) -> None:
        runner, model = self.runner, self.model
        if self.modalities is not None:
            model.leave_stage()
            self._load_only(None, None)
        if runner.val_loop is None:
            return
        head = getattr(model, 'head', None)
        if getattr(head, 'needs_fit', False):
            with self.uncounted():
                outputs = feature_bank(
                    model, runner.val_loop.dataloader, logger=runner.logger)
            head.fit(outputs.logits, outputs.targets, outputs.present)
        forget_others(runner, model)
        self.assembled_metrics = runner.val_loop.run()

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Around passes that are no training: their cost does not count."""
        self.runner.call_hook('before_uncounted')
        yield
        self.runner.call_hook('after_uncounted')


def unwrap(model: torch.nn.Module) -> torch.nn.Module:
    """The model inside a DDP wrapper, or the model itself."""
    return model.module if is_model_wrapper(model) else model


def epochs_of(runner, max_epochs: Optional[int]) -> int:
    """A loop's ``max_epochs``, or else those of the config.

    Args:
        runner (Runner): With the config.
        max_epochs (int, optional): What ``train_cfg`` says.

    Returns:
        int: Epochs of a stage that does not say its own.

    Raises:
        ValueError: Neither says any.
    """
    if max_epochs is None:
        max_epochs = runner.cfg.get('max_epochs')
    if max_epochs is None:
        raise ValueError('how many epochs? Set max_epochs in train_cfg, or '
                         "at the config's top level")
    return int(max_epochs)
