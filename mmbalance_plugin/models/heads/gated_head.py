"""Fusion by gating."""
from typing import Dict, Optional

from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

from .pairwise import PairwiseHead


@MODELS.register_module()
class GatedHead(PairwiseHead):
    """One modality gates the other, both mapped to a common width.

    With c the conditioning and t the other modality:
    ``f(x) = W (sigmoid(U phi^c + u) * (V phi^t + v)) + b``.

    Args:
        condition (str): The modality that opens and closes the gate.
        hidden_channels (int, optional): The common width. Defaults to None:
            that of the gated modality's feature.
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: Dict[str, int],
                 condition: Optional[str] = None,
                 hidden_channels: Optional[int] = None,
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, condition, **kwargs)
        channels = self.in_channels[self.conditioned]
        hidden = channels if hidden_channels is None else hidden_channels
        self.gate = nn.Linear(self.in_channels[self.condition], hidden)
        self.value = nn.Linear(channels, hidden)
        self.fc = nn.Linear(hidden, num_classes)

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        chosen = self.select(features, self.modalities)
        gate = self.gate(chosen[self.condition]).sigmoid()
        return self.fc(gate * self.value(chosen[self.conditioned]))
