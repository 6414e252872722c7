"""The one loop that knows stages, checkpoints, resume and DDP."""
import time
from bisect import bisect
from contextlib import contextmanager, nullcontext
from typing import Any, Dict, Iterable, Iterator, Optional, Sequence, Union

import torch
from mmengine.dist import broadcast, get_rank, is_distributed

from ...models.objectives import ObjectiveTerm
from ...registry import LOOPS
from ...utils.streams import seed_everything
from ..anchor_cache import AnchorCache, build_anchor_cache
from ..features import FeatureBank, feature_bank
from ..hooks.selected import forget_others
from .accumulation import begin_accumulation, leftover
from .excursion import excursion
from .idle_encoders import watch_encoders
from .resumable_stages import ResumableStages
from .seeding import set_sampler_epoch
from .split_losses import Pairs, split_losses
from .stage_metrics import check_metrics, explain_fused_only


@LOOPS.register_module()
class StagedTrainLoop(ResumableStages):
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
        hold_out (float): Share of the training samples that no stage trains
            on, for what is calibrated on them: :attr:`held_out`, see
            :func:`~mmbalance_plugin.engine.loops.held_out.hold_out`.
            Defaults to 0, none.
        kwargs: ``val_begin``, ``val_interval`` and ``dynamic_intervals`` of
            ``EpochBasedTrainLoop``, in epochs of a stage; a stage's last
            epoch always is validated.

    Attributes:
        held_out (Dataset | None): Those samples, with the pipeline of
            training.

    Note:
        Random numbers, resume, DDP, AMP, accumulation: docs/runs.md.
    """

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

    def _run_stage(self) -> None:
        runner, stage, progress = self.runner, self.stage, self.progress
        begin_accumulation(self, progress.epoch, stage.epochs)
        # For the log; not kept in checkpoints.
        runner.message_hub.update_info('stage', stage.name, resumed=False)
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
        runner.message_hub.pop_info('stage')

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
        self._validated = None
        seed_everything(runner.seed, 'train', progress.epoch, get_rank())
        set_sampler_epoch(self.dataloader, progress.epoch)
        if leftover(self):
            begin_accumulation(self, progress.epoch, self.stage.epochs)
        for idx, data_batch in enumerate(self.dataloader):
            runner.message_hub.update_info('stage_iter', progress.iter)
            self.run_iter(idx, data_batch)
            progress.iter += 1
        # The checkpoint is written by a hook in the next line, before the
        # validation: what it says must hold for a run that resumes there.
        progress.epoch += 1
        progress.pending = self._due(progress.epoch)
        progress.seconds += time.perf_counter() - begin
        record: Dict[str, float] = {}
        for term in self.terms:
            record.update(term.end_epoch(self))
        if record:
            progress.history.append(dict(epoch=progress.epoch, **record))
            runner.visualizer.add_scalars(record, step=self.epoch + 1)
            text = ', '.join(f'{k} {v:.4g}' for k, v in record.items())
            runner.logger.info(
                f'{self.stage.name}, epoch {progress.epoch}: {text}')
        runner.call_hook('after_train_epoch')
        self._epoch += 1

    def run_iter(self, idx, data_batch) -> None:
        """One step."""
        for term in self.terms:
            term.before_batch(self, idx, data_batch)
        super().run_iter(idx, data_batch)

    def _validate(self) -> None:
        begin = time.perf_counter()
        with explain_fused_only(self.stage):
            metrics = self.runner.val_loop.run()
        if self.progress.pending:  # a loop without the usual hook call
            self.progress.update(self.stage, metrics, self._trained_state())
        self._validated = metrics
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
        kept = 'last weights kept'
        if stage.keep == 'best' and progress.best_weights is not None:
            self.model.load_state_dict(progress.best_weights, strict=False)
            if progress.best_epoch != progress.epoch:
                self._validated = None
            kept = (f'best weights of epoch {progress.best_epoch} kept: '
                    f'{stage.monitor_name} {progress.best_score:.4f}')
        if is_distributed():
            for tensor in self._trained_state().values():
                broadcast(tensor)
        # Epochs that early stopping saved no longer count towards the ETA.
        self._max_epochs -= stage.epochs - progress.epoch
        runner.message_hub.update_info('max_epochs', self.max_epochs)
        runner.message_hub.update_info('max_iters', self.max_iters)
        self.records.append(progress.record(stage))
        runner.logger.info(f'Stage "{stage.name}" done after '
                           f'{progress.epoch} epochs; {kept}')

    def _assemble(self) -> None:
        runner, model = self.runner, self.model
        if self.modalities is not None:
            model.leave_stage()
            self._load_only(None, None)
        if runner.val_loop is None:
            return
        if getattr(getattr(model, 'head', None), 'needs_fit', False):
            with self.uncounted():
                outputs = feature_bank(model, runner.val_loop.dataloader)
            model.head.fit(outputs.logits, outputs.targets, outputs.present)
            self._validated = None
        stale = forget_others(runner, model)
        # What trained whole, and ended at its best, was validated just now.
        known = None if stale or is_distributed() or \
            not self.stages[-1].complete else self._validated
        self.assembled_metrics = known or runner.val_loop.run()

    # ---- what it does for terms, hooks and planners ---------------------
    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Around passes that are no training: their cost does not count."""
        self.runner.call_hook('before_uncounted')
        yield
        self.runner.call_hook('after_uncounted')

    def excursion(self):
        """See :func:`~mmbalance_plugin.engine.loops.excursion.excursion`."""
        return excursion(self)

    def features(self,
                 title: str,
                 modalities: Optional[Sequence[str]] = None,
                 dataset: Any = None) -> FeatureBank:
        """Features of the training set, or of ``dataset`` through the same
        loader; see :func:`feature_bank`."""
        return feature_bank(self.model, self.dataloader, modalities, True,
                            title, dataset)

    def cached_outputs(self,
                       modalities: Iterable[str],
                       mode: Union[str, bool] = 'auto',
                       device: Optional[str] = None) -> Dict[str, AnchorCache]:
        """What frozen encoders make of the training set, where it can be
        computed once; see :func:`build_anchor_cache`."""
        # Filled again after a resume: the checkpoint has counted it.
        again = self.progress.epoch > 0
        with self.uncounted() if again else nullcontext():
            found = {
                m: build_anchor_cache(self.model, self.dataloader, m, mode,
                                      device)
                for m in modalities
            }
        return {m: cache for m, cache in found.items() if cache is not None}

    def training_and_held_out(self, terms: Sequence[ObjectiveTerm]) -> Pairs:
        """Losses on what the loop trains on, and on what it does not: the
        samples of ``hold_out``, or else the validation data.

        Args:
            terms (Sequence[ObjectiveTerm]): See :func:`split_losses`.

        Returns:
            dict[str, tuple]: Losses by name, (training, held out).
        """
        loader = self.dataloader
        if self.held_out is None:
            if self.runner.val_loop is None:
                raise ValueError(
                    'G-Blending compares training with held-out data: drop '
                    '--no-validate, or set train_cfg.hold_out=0.1, for '
                    'example')
            loader = self.runner.val_loop.dataloader
        train = split_losses(self.model, self.dataloader, terms)
        held = split_losses(self.model, loader, terms, self.held_out)
        return {name: (loss, held[name]) for name, loss in train.items()}
