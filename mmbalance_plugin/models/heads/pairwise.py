"""Base of the heads in which one modality conditions another one."""
from typing import Dict, Optional

from .base import MultimodalHead


class PairwiseHead(MultimodalHead):
    """Head of exactly two modalities, one of which conditions the other.

    Args:
        num_classes (int): Number of classes.
        in_channels (dict[str, int]): Channels of both modalities' features.
        condition (str): The modality that conditions. It has no default,
            because the two roles differ and no modality is born to either.
        kwargs: See :class:`MultimodalHead`.

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
