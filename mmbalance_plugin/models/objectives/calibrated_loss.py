"""Unimodal losses that follow what held-out samples say."""
from typing import TYPE_CHECKING, Any, Dict, List, Mapping

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from torch import Tensor

from mmbalance_plugin.evaluation.functional import macro_f1

from ..modes import evaluating
from .record import BatchRecord
from .unimodal_loss import UnimodalLoss

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer


class CalibratedLoss(UnimodalLoss):
    """Base of unimodal losses that are set anew before each epoch.

    From samples held out of the training set (``hold_out`` of
    :class:`StagedTrainLoop`), never from validation or test data. A subclass
    says what is :meth:`measured` and how it is :meth:`taken`. The pass over
    them is in eval mode, through the pipeline of training, and counts as
    training cost.

    Args:
        kwargs: See :class:`UnimodalLoss`.

    Attributes:
        last (dict[str, float]): What the running epoch is trained with;
            kept in checkpoints.

    Raises:
        ValueError: There is but one modality, or, when the stage starts,
            nothing is held out.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.last: Dict[str, float] = {}

    def measured(self, loop, bank) -> Dict[str, float]:
        """What the held-out samples say; asked on rank 0 only.

        Args:
            loop (StagedTrainLoop): The running loop.
            bank (FeatureBank): Of the held-out samples, with features.

        Returns:
            dict[str, float]: Numbers by name, as they are logged.
        """
        raise NotImplementedError

    def taken(self, found: Dict[str, float]) -> None:
        """Act on it, on all ranks."""
        raise NotImplementedError

    def bind(self, model: 'MultimodalRecognizer') -> None:
        super().bind(model)
        self.names = tuple(self.needs(model))
        if len(self.names) < 2:
            raise ValueError(f'{type(self).__name__} needs at least two '
                             f'modalities, got {list(self.names)}')

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        if not self.last:
            raise RuntimeError(
                f'{type(self).__name__} is calibrated between the epochs of '
                'mmbalance_plugin.StagedTrainLoop: use that')
        return super().__call__(record)

    # ---- the schedule --------------------------------------------------
    def start_stage(self, loop) -> None:
        if loop.held_out is None:
            raise ValueError(
                f'{type(self).__name__} calibrates on samples that are held '
                'out of training: set train_cfg.hold_out=0.1, for example')
        if loop.progress.epoch == 0:  # else resumed
            self.calibrate(loop)

    def end_epoch(self, loop) -> Dict[str, float]:
        record = self.last
        if loop.progress.epoch < loop.stage.epochs:
            self.calibrate(loop)
        return record

    @torch.no_grad()
    def calibrate(self, loop) -> None:
        """Look at the held-out samples."""
        bank = loop.features('features of the held-out samples', self.names,
                             dataset=loop.held_out)
        found: List[Any] = [None]
        if is_main_process():
            found[0] = self.measured(loop, bank)
        broadcast_object_list(found)
        self.load_state_dict(dict(last=found[0]))

    def f1(self, model: 'MultimodalRecognizer', bank) -> Dict[str, float]:
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
        return dict(last=self.last)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.last = state['last']
        self.taken(self.last)
