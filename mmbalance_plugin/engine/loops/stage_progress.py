"""Where a stage stands: best weights, patience, pending validation."""
import math
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional

import torch

from ..scalars import scalars
from .stage import Stage

Weights = Dict[str, torch.Tensor]


@dataclass
class StageProgress:
    """Bookkeeping of the running stage; everything here is resumed.

    Attributes:
        epoch (int): Epochs finished in this stage.
        iter (int): Iterations finished in this stage.
        pending (bool): The last finished epoch was not validated yet.
        best_score (float | None): Best monitored value so far.
        best_epoch (int): Stage epoch of the best value, counted from 1.
        best_weights (dict | None): The trained parts' state at that epoch,
            on the CPU.
        waited (int): Validations since the last improvement that early
            stopping accepted.
        last_improvement (float | None): What that one was.
        last_metrics (dict): The latest validation's metrics.
        seconds (float): Wall time spent in this stage.
        history (list[dict]): What the terms said of each epoch.
    """
    epoch: int = 0
    iter: int = 0
    pending: bool = False
    best_score: Optional[float] = None
    best_epoch: int = 0
    best_weights: Optional[Weights] = None
    waited: int = 0
    last_improvement: Optional[float] = None
    last_metrics: Dict[str, float] = field(default_factory=dict)
    seconds: float = 0.
    history: List[dict] = field(default_factory=list)

    def update(self, stage: Stage, metrics: Mapping[str, Any],
               weights: Weights) -> bool:
        """Take in one validation; returns whether it is the best so far.

        Args:
            stage (Stage): The running stage.
            metrics (Mapping): Metrics of this validation.
            weights (dict[str, Tensor]): The trained parts' current state;
                copied to the CPU only when it is the best so far.

        Raises:
            KeyError: The stage's monitored metric was not emitted.
        """
        if not set(stage.monitored) <= metrics.keys():
            raise KeyError(
                f'stage {stage.name!r} monitors {stage.monitor_name}, but '
                f"validation emitted {sorted(metrics)}; set the stage's "
                'monitor to one of these')
        scores = [float(metrics[name]) for name in stage.monitored]
        score = sum(scores) / len(scores)
        self.pending = False
        self.last_metrics = scalars(metrics)
        sign = 1. if stage.rule == 'greater' else -1.
        gain = float('inf')
        if self.best_score is not None:
            gain = sign * (score - self.best_score)
        if math.isnan(score):  # never the best, whatever it is compared to
            gain = -float('inf')
        if stage.early_stopping is not None:
            self._wait(sign, score, stage.early_stopping.min_delta)
        if gain <= 0:
            return False
        self.best_score, self.best_epoch = score, self.epoch
        self.best_weights = {
            k: v.detach().to('cpu', copy=True)
            for k, v in weights.items()
        }
        return True

    def _wait(self, sign: float, score: float, min_delta: float) -> None:
        # Not the best so far, which creeps on where none of its steps counts.
        last = self.last_improvement
        if not math.isnan(score) and (
                last is None or sign * (score - last) > min_delta):
            self.last_improvement, self.waited = score, 0
        else:
            self.waited += 1

    def exhausted(self, stage: Stage) -> bool:
        """Whether early stopping ends the stage here."""
        stopping = stage.early_stopping
        return stopping is not None and self.waited >= stopping.patience

    def record(self, stage: Stage) -> Dict[str, Any]:
        """The finished stage as a row of ``summary.json``."""
        return dict(
            name=stage.name,
            train=stage.train if stage.train == 'all' else list(stage.train),
            objective=stage.objective_name,
            epochs=self.epoch,
            max_epochs=stage.epochs,
            stopped_early=self.epoch < stage.epochs,
            monitor=stage.monitor_name,
            best_score=self.best_score,
            best_epoch=self.best_epoch,
            last=dict(self.last_metrics),
            seconds=round(self.seconds, 3),
            history=list(self.history))

    def state_dict(self) -> Dict[str, Any]:
        """Plain containers and tensors only, fit for safe loading."""
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Undo :meth:`state_dict`."""
        vars(self).update(state)
        if self.best_weights is not None:
            self.best_weights = {
                k: v.cpu() for k, v in self.best_weights.items()}
