"""Unimodal losses that follow what held-out samples say."""
import weakref
from typing import Any, Dict, List, Mapping, Optional

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from torch import Tensor, nn

from ..evaluation.functional import macro_f1
from ..models.modes import evaluating
from ..models.objectives import BatchRecord, UnimodalLoss
from .features import FeatureBank, feature_bank


class CalibratedLoss(UnimodalLoss):
    """Base of unimodal losses that are set anew before each epoch.

    From samples held out of the training set (``hold_out`` of
    :class:`StagedTrainLoop`), never from validation or test data. A subclass
    says what is :meth:`measured` and how it is :meth:`taken`.

    Args:
        kwargs: See :class:`UnimodalLoss`.

    Attributes:
        last (dict[str, float]): What the running epoch is trained with.

    Note:
        * One pass over the held-out samples per epoch, counted as training
          cost, in eval mode, through the pipeline of training.
        * **DDP**: the pass is dealt out, rank 0 measures, all follow.
        * **Resume**: what was measured is in the checkpoint.

    Raises:
        ValueError: There is but one modality, or, when the stage starts,
            nothing is held out.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.last: Dict[str, float] = {}
        # Weak, so that a model in training can be copied.
        self._running: Optional[weakref.ref] = None

    def measured(self, model: nn.Module,
                 bank: FeatureBank) -> Dict[str, float]:
        """What the held-out samples say; asked on rank 0 only.

        Args:
            model (MultimodalRecognizer): The bare model.
            bank (FeatureBank): Of the held-out samples, with features.

        Returns:
            dict[str, float]: Numbers by name, as they are logged.
        """
        raise NotImplementedError

    def taken(self, found: Dict[str, float]) -> None:
        """Act on it, on all ranks."""

    def bind(self, model: nn.Module) -> None:
        """See :class:`ObjectiveTerm`."""
        super().bind(model)
        self.names = tuple(self.needs(model))
        if len(self.names) < 2:
            raise ValueError(f'{type(self).__name__} needs at least two '
                             f'modalities, got {list(self.names)}')

    @property
    def loop(self):
        """StagedTrainLoop: The running one."""
        return self._running()

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        """See :class:`ObjectiveTerm`.

        Raises:
            RuntimeError: There is no loop that would calibrate.
        """
        if self._running is None:
            raise RuntimeError(
                f'{type(self).__name__} is calibrated between the epochs of '
                'mmbalance_plugin.StagedTrainLoop: use that')
        return super().__call__(record)

    # ---- the schedule --------------------------------------------------
    def start_stage(self, loop) -> None:
        """The first calibration; see :class:`ObjectiveTerm`."""
        self._running = weakref.ref(loop)
        if loop.held_out is None:
            raise ValueError(
                f'{type(self).__name__} calibrates on samples that are held '
                'out of training: set train_cfg.hold_out=0.1, for example')
        if loop.progress.epoch == 0:  # else resumed
            self.calibrate()

    def end_epoch(self) -> Dict[str, float]:
        """Calibrate for the next epoch, if there is one; see
        :class:`ObjectiveTerm`."""
        record = self.last
        if self.loop.progress.epoch < self.loop.stage.epochs:
            self.calibrate()
        return record

    @torch.no_grad()
    def calibrate(self) -> None:
        """Look at the held-out samples."""
        loop = self.loop
        bank = feature_bank(
            loop.model,
            loop.dataloader,
            self.names,
            features=True,
            logger=loop.runner.logger,
            title='features of the held-out samples',
            dataset=loop.held_out)
        found: List[Any] = [None]
        if is_main_process():
            found[0] = self.measured(loop.model, bank)
        broadcast_object_list(found)
        self._take(found[0])

    def _take(self, found: Dict[str, float]) -> None:
        self.last = found
        self.taken(found)

    def f1(self, model: nn.Module, bank: FeatureBank) -> Dict[str, float]:
        """Macro-F1 of each modality alone, of the samples that have it; 0
        where none has."""
        record = BatchRecord(model, {}, (), bank.targets, bank.features)
        with evaluating(model):
            logits = self.logits(record)
        scores = {}
        for m in self.names:
            rows: Tensor = bank.present.get(m, torch.ones_like(
                bank.targets, dtype=torch.bool))
            scores[m] = macro_f1(
                logits[m][rows].cpu().numpy(),
                bank.targets[rows].cpu().numpy()) if rows.any() else 0.
        return scores

    # ---- checkpoints ---------------------------------------------------
    def state_dict(self) -> Dict[str, Any]:
        """See :class:`ObjectiveTerm`."""
        return dict(last=self.last)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See :class:`ObjectiveTerm`."""
        self._take(state['last'])
