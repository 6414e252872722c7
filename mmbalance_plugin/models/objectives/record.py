"""What is known of a batch, computed once."""
from functools import cached_property
from typing import TYPE_CHECKING, Callable, Dict, Optional, Sequence, Tuple

import torch
from torch import Tensor

from mmbalance_plugin.utils.dist import global_scores
from mmbalance_plugin.utils.sample_batch import sample_ids

from ..presence import Presence

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer


class BatchRecord:
    """A batch on its way through the model, as terms and methods see it.

    Logits are computed when first asked for, and kept.

    Args:
        model (MultimodalRecognizer): The model.
        inputs (dict[str, Tensor]): The preprocessed inputs.
        samples (Sequence[ActionDataSample]): The samples.
        targets (Tensor): True classes (B, ), or labels (B, C), as
            :meth:`MultimodalHead.criterion` takes them.
        features (dict[str, Tensor]): Features (B, D_m) of the active
            modalities, zeros where a sample lacks one.
        present (Presence, optional): Who has what. Defaults to None: every
            sample has everything.

    Attributes:
        model, inputs, samples, targets, features, present: As given.
        shared (dict): What terms compute of this batch for each other.
    """

    def __init__(self, model: 'MultimodalRecognizer',
                 inputs: Dict[str, Tensor], samples: Sequence, targets: Tensor,
                 features: Dict[str, Tensor],
                 present: Optional[Presence] = None) -> None:
        self.model = model
        self.inputs = inputs
        self.samples = samples
        self.targets = targets
        self.features = features
        self.present = present
        self.shared: Dict = {}

    @cached_property
    def fusion_features(self) -> Dict[str, Tensor]:
        """dict[str, Tensor]: What the head fuses: the features, and in
        training what :attr:`feature_transforms` make of them."""
        features = self.features
        if self.model.training:
            for transform in self.model.feature_transforms:
                features = transform(features, self)
        return features

    @property
    def masks(self) -> Optional[Dict[str, Tensor]]:
        """dict[str, Tensor] | None: ``present`` as heads take it."""
        return None if self.present is None else self.present.masks

    @cached_property
    def fused(self) -> Tensor:
        """Tensor: Logits (B, C) of the fused prediction."""
        return self.model.head.fused_logits(self.fusion_features, self.masks)

    @cached_property
    def unimodal(self) -> Dict[str, Tensor]:
        """dict[str, Tensor]: Logits (B, C) of each active modality alone,
        by the head."""
        return self.model.head.unimodal_logits(self.features)

    def mean(self, loss: Callable[..., Tensor], modalities: Sequence[str],
             *values: Tensor) -> Tensor:
        """Mean loss over the batch, of the samples that have modalities.

        The others contribute 0 and are counted: so the mean over batches of
        one size, on ranks or in micro-batches, is that of the whole.

        Args:
            loss (Callable): Takes rows of each value, returns their mean.
            modalities (Sequence[str]): What a sample must have.
            values (Tensor): (B, ...) each.

        Returns:
            Tensor: 0-d, with a gradient of 0 where no sample has them.
        """
        present = self.present
        if present is None or not any(map(present.lacks, modalities)):
            return loss(*values)
        count = present.count(*modalities)
        if not count:
            return torch.cat([v.flatten()[:0] for v in values]).sum()
        rows = [present.take(value, *modalities) for value in values]
        return loss(*rows) * (count / present.size)

    def take(self, value: Tensor, *names: str) -> Tensor:
        """Rows of ``value`` (B, ...), of the samples that have modalities."""
        return value if self.present is None else self.present.take(
            value, *names)

    def global_sums(
        self, values: Dict[str, Tensor]
    ) -> Tuple[Dict[str, Tensor], Dict[str, Tensor]]:
        """Sums of a value (B, ) per modality, over the samples that have it
        on all ranks, and how many those are; see :func:`global_scores`."""
        there = {m: self.take(value, m) for m, value in values.items()}
        return global_scores({m: v.sum() for m, v in there.items()},
                             {m: len(v) for m, v in there.items()})

    @cached_property
    def sample_ids(self) -> Tensor:
        """Tensor: See :func:`~mmbalance_plugin.utils.sample_batch.sample_ids`.
        """
        return sample_ids(self.samples)
