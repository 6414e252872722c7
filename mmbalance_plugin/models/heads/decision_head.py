"""Late fusion: one classifier a modality, combined at the decision."""
import logging
from typing import Dict, Optional

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmbalance_plugin.functional.calibration import fit_temperature
from mmbalance_plugin.functional.fusion import (
    POOLS,
    fit_pool_weights,
    label_by_label,
    mean_probability,
    pool_weighted,
    sum_logits,
    two_class_rows,
)
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice

from .base import MultimodalHead

RULES = dict(
    mean=mean_probability,
    sum_logits=sum_logits,
    sum_log_probs=sum_logits,
    calibrated=sum_logits)


@MODELS.register_module()
class DecisionHead(MultimodalHead):
    """One linear classifier a modality; their predictions are combined.

    The branches share no parameter, so each modality can be trained alone,
    at another time. Trained jointly, the objective is the negative
    log-likelihood of the combined probabilities. With ``multi_class`` each
    label is combined by itself, as a problem of two classes.

    Args:
        combine (str): How predictions are combined. Defaults to 'mean'.

            - 'mean': mean of the probabilities.
            - 'sum_logits': sum of the logits.
            - 'sum_log_probs': sum of the log-probabilities, normalised; the
              same predictions as 'sum_logits' up to rounding.
            - 'fitted': pool with one weight a modality, not negative and
              summing to 1, that :meth:`fit` chooses by the negative
              log-likelihood on validation. Equal weights until then.
            - 'calibrated': as 'sum_log_probs', of logits that are divided by
              a temperature of each modality, which :meth:`fit` chooses
              likewise (:func:`~mmbalance_plugin.functional.fit_temperature`);
              1 until then.
        pool (str): What 'fitted' averages: 'probs' (as 'mean') or
            'log_probs' (as 'sum_log_probs'). Defaults to 'probs'.
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.

    Note:
        What is fitted is a buffer, saved in checkpoints. Under
        distributed training call :meth:`fit` on every rank with the same
        (gathered) predictions.
    """

    branches: nn.ModuleDict
    label_kinds = ('multi', 'soft')

    def __init__(self,
                 num_classes: int,
                 in_channels: Dict[str, int],
                 combine: str = 'mean',
                 pool: str = 'probs',
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        require_choice('combine', combine, (*RULES, 'fitted'))
        require_choice('pool', pool, POOLS)
        self.combine = combine
        self.pool = pool
        self.needs_fit = combine in ('fitted', 'calibrated')
        self.build_branches(lambda channels: nn.Linear(channels, num_classes))
        count = len(self.modalities)
        if combine == 'fitted':
            self.register_buffer('weights', torch.full((count, ), 1 / count))
        if combine == 'calibrated':
            self.register_buffer('temperatures', torch.ones(count))

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        """Log-probabilities (B, C) of the combined prediction, log-odds with
        ``multi_class``."""
        return self.fused_logits(features)

    def fused_logits(
            self,
            features: Dict[str, Tensor],
            present: Optional[Dict[str, Tensor]] = None) -> Tensor:
        """Combine the branches of what each sample has."""
        return self.fuse(
            self.unimodal_logits(features, self.modalities), present)

    def own_logits(self, name: str, feature: Tensor) -> Tensor:
        """What the modality's branch says."""
        return self.branches[name](feature)

    def fuse(self,
             logits: Dict[str, Tensor],
             present: Optional[Dict[str, Tensor]] = None) -> Tensor:
        """Combine unimodal logits that were computed before.

        Args:
            logits (dict[str, Tensor]): Logits (B, C) of every modality, or
                of those that are to be combined.
            present (dict[str, Tensor], optional): For each modality that
                some sample lacks, where it is there: bool, (B, ). Defaults
                to None: every sample has everything.

        Returns:
            Tensor: Log-probabilities (B, C); log-odds with ``multi_class``.
        """
        logits = {m: logits[m] for m in self.modalities if m in logits}
        if self.multi_class:
            return label_by_label(self._combined, logits, present)
        return self._combined(logits, present)

    def _combined(self, logits: Dict[str, Tensor],
                  present: Optional[Dict[str, Tensor]]) -> Tensor:
        if self.combine == 'calibrated':
            scale = dict(zip(self.modalities, self.temperatures))
            logits = {m: z / scale[m] for m, z in logits.items()}
        if self.combine == 'fitted':
            weights = self.weights
            if len(logits) < len(self.modalities):
                weights = weights[[
                    m in logits for m in self.modalities]]
                weights = weights / weights.sum()
            return pool_weighted(logits, weights, self.pool, present)
        return RULES[self.combine](logits, present)

    def fit(self,
            logits: Dict[str, Tensor],
            targets: Tensor,
            present: Optional[Dict[str, Tensor]] = None) -> None:
        """Choose the weights of 'fitted' on the samples that have everything,
        each temperature of 'calibrated' on those that have the modality.

        See :meth:`MultimodalHead.fit`.
        """
        if not self.needs_fit:
            return super().fit(logits, targets, present)
        logits = {name: logits[name] for name in self.modalities}
        if self.multi_class:
            logits = {m: two_class_rows(z) for m, z in logits.items()}
            present = {m: there.repeat_interleave(self.num_classes)
                       for m, there in (present or {}).items()}
            targets = 1 - targets.flatten().long()
        if self.combine == 'calibrated':
            for i, (name, value) in enumerate(logits.items()):
                there = (present or {}).get(name, slice(None))
                if len(targets[there]):
                    self.temperatures[i] = fit_temperature(
                        value[there], targets[there])
                else:
                    print_log(
                        "DecisionHead(combine='calibrated'): no validation "
                        f'sample has {name!r}, so its temperature stays '
                        f'{self.temperatures[i].item():g}',
                        'current',
                        level=logging.WARNING)
            return
        if present:
            whole = torch.stack(list(present.values())).all(dim=0)
            logits = {name: value[whole] for name, value in logits.items()}
            targets = targets[whole]
            if not len(targets):
                print_log(
                    "DecisionHead(combine='fitted'): no validation sample "
                    f'has all of {list(logits)}, so the weights stay '
                    f'{self.weights.tolist()}',
                    'current',
                    level=logging.WARNING)
                return
        self.weights.copy_(fit_pool_weights(logits, targets, self.pool))
