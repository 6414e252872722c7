"""Fusion by summing the logits of one classifier a modality."""
from functools import reduce
from typing import Dict, Optional, Tuple

import torch
from torch import Tensor, nn

from mmbalance_plugin.functional.fusion import silence_absent
from mmbalance_plugin.registry import MODELS

from .base import MultimodalHead


@MODELS.register_module()
class SumHead(MultimodalHead):
    """Sum of one linear classifier a modality, each with its own bias.

    ``f(x) = sum_m (W^m phi^m + b^m)``. The split is exact, and each modality
    keeps its own bias, in training as in validation.

    Args:
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.
    """

    linear = True
    label_kinds: Tuple[str, ...] = ('multi', 'soft')
    branches: nn.ModuleDict

    def __init__(self, num_classes: int, in_channels: Dict[str, int],
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.build_branches(self.classifier)

    def classifier(self, channels: int) -> nn.Module:
        """Build the classifier of a modality."""
        return nn.Linear(channels, self.num_classes)

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        return self.fused_logits(features)

    def fused_logits(
            self,
            features: Dict[str, Tensor],
            present: Optional[Dict[str, Tensor]] = None) -> Tensor:
        """Sum over the classifiers of what each sample has."""
        logits = self.unimodal_logits(features, self.modalities)
        return reduce(torch.add, silence_absent(logits, present).values())

    def own_logits(self, name: str, feature: Tensor) -> Tensor:
        """What the modality's classifier says."""
        return self.branches[name](feature)
