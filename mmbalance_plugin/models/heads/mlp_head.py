"""Fusion by a multi-layer perceptron."""
from typing import Dict, List, Sequence, Union

import torch
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

from .base import MultimodalHead


@MODELS.register_module()
class MLPHead(MultimodalHead):
    """Multi-layer perceptron on the concatenated features.

    Args:
        hidden_channels (int | Sequence[int]): Width of each hidden layer,
            each followed by ReLU. Defaults to 256.
        dropout (float): Probability of dropout after each hidden layer.
            Defaults to 0.
        norm (bool): Whether a BatchNorm stands before each ReLU.
            Defaults to False.
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.
    """

    label_kinds = ('multi', 'soft')

    def __init__(self,
                 num_classes: int,
                 in_channels: Dict[str, int],
                 hidden_channels: Union[int, Sequence[int]] = 256,
                 dropout: float = 0.,
                 norm: bool = False,
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        widths = [hidden_channels] if isinstance(
            hidden_channels, int) else list(hidden_channels)
        if not widths:
            raise ValueError('MLPHead needs at least one hidden layer; '
                             'ConcatHead has none')
        layers: List[nn.Module] = []
        channels = sum(self.in_channels.values())
        for width in widths:
            layers.append(nn.Linear(channels, width))
            if norm:
                layers.append(nn.BatchNorm1d(width))
            layers.append(nn.ReLU(inplace=True))
            if dropout:
                layers.append(nn.Dropout(dropout))
            channels = width
        self.mlp = nn.Sequential(*layers, nn.Linear(channels, num_classes))

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        chosen = self.select(features, self.modalities)
        return self.mlp(torch.cat(list(chosen.values()), dim=1))
