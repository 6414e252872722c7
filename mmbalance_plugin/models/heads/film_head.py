"""Fusion by feature-wise linear modulation."""
from typing import Dict, Optional

from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

from .pairwise import PairwiseHead


@MODELS.register_module()
class FiLMHead(PairwiseHead):
    """Feature-wise linear modulation (FiLM), https://arxiv.org/abs/1709.07871.

    With c the conditioning and t the other modality:
    ``(gamma, beta) = U phi^c + u``, ``f(x) = W (gamma * phi^t + beta) + b``.

    Args:
        condition (str): The modality that scales and shifts the other one.
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: Dict[str, int],
                 condition: Optional[str] = None,
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, condition, **kwargs)
        channels = self.in_channels[self.conditioned]
        self.film = nn.Linear(self.in_channels[self.condition], 2 * channels)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        chosen = self.select(features, self.modalities)
        gamma, beta = self.film(chosen[self.condition]).chunk(2, dim=1)
        return self.fc(gamma * chosen[self.conditioned] + beta)
