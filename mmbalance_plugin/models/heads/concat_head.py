"""Fusion by concatenation."""
from typing import Dict

import torch
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

from .base import MultimodalHead


@MODELS.register_module()
class ConcatHead(MultimodalHead):
    """One linear classifier on the concatenated features.

    ``f(x) = sum_m W^m phi^m + b``. The split of the logits is exact: each
    modality has its block of the weight and b / M.

    Args:
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.
    """

    linear = True
    label_kinds = ('multi', 'soft')

    def __init__(self, num_classes: int, in_channels: Dict[str, int],
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.fc = nn.Linear(sum(self.in_channels.values()), num_classes)

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        chosen = self.select(features, self.modalities)
        return self.fc(torch.cat(list(chosen.values()), dim=1))

    def own_logits(self, name: str, feature: Tensor) -> Tensor:
        """The modality's share."""
        blocks = self.fc.weight.split(list(self.in_channels.values()), dim=1)
        block = blocks[self.modalities.index(name)]
        return torch.addmm(
            self.fc.bias, feature, block.T, beta=1 / len(self.modalities))
