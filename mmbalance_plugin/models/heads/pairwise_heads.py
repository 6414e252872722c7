"""Fusion of two modalities, one of which conditions the other."""
from typing import Dict, Optional

from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

from .base import MultimodalHead


class PairwiseHead(MultimodalHead):
    """Base of the heads of exactly two modalities, whose roles differ.

    Args:
        condition (str): The modality that conditions. It has no default,
            because no modality is born to either role.
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.

    Raises:
        ValueError: There are not two modalities, or ``condition`` is none
            of them.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: Dict[str, int],
                 condition: Optional[str] = None,
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        names = list(self.modalities)
        if len(names) != 2:
            raise ValueError(
                f'{type(self).__name__} fuses exactly two modalities, but got '
                f'{len(names)}: {names}; use ConcatHead, SumHead, MLPHead or '
                'DecisionHead')
        if condition not in names:
            raise ValueError(
                f'{type(self).__name__} needs condition=, the modality that '
                f'conditions the other one: one of {names}, but got '
                f'{condition!r}')
        self.condition = condition
        self.conditioned = names[1 - names.index(condition)]


@MODELS.register_module()
class FiLMHead(PairwiseHead):
    """Feature-wise linear modulation (FiLM), https://arxiv.org/abs/1709.07871.

    With c the conditioning and t the other modality:
    ``(gamma, beta) = U phi^c + u``, ``f(x) = W (gamma * phi^t + beta) + b``.
    Arguments are those of :class:`PairwiseHead`.
    """

    label_kinds = ('multi', 'soft')

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        channels = self.in_channels[self.conditioned]
        self.film = nn.Linear(self.in_channels[self.condition], 2 * channels)
        self.fc = nn.Linear(channels, self.num_classes)

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        chosen = self.select(features, self.modalities)
        gamma, beta = self.film(chosen[self.condition]).chunk(2, dim=1)
        return self.fc(gamma * chosen[self.conditioned] + beta)


@MODELS.register_module()
class GatedHead(PairwiseHead):
    """One modality gates the other, both mapped to a common width.

    With c the conditioning and t the other modality:
    ``f(x) = W (sigmoid(U phi^c + u) * (V phi^t + v)) + b``.

    Args:
        hidden_channels (int, optional): The common width. Defaults to None:
            that of the gated modality's feature.
        args, kwargs: See :class:`PairwiseHead`.
    """

    label_kinds = ('multi', 'soft')

    def __init__(self,
                 *args,
                 hidden_channels: Optional[int] = None,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        channels = self.in_channels[self.conditioned]
        hidden = channels if hidden_channels is None else hidden_channels
        self.gate = nn.Linear(self.in_channels[self.condition], hidden)
        self.value = nn.Linear(channels, hidden)
        self.fc = nn.Linear(hidden, self.num_classes)

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        chosen = self.select(features, self.modalities)
        gate = self.gate(chosen[self.condition]).sigmoid()
        return self.fc(gate * self.value(chosen[self.conditioned]))
