"""Branches, and a fused classifier over their features."""
from typing import Dict

import torch
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

from .decision_head import DecisionHead


@MODELS.register_module()
class BranchedConcatHead(DecisionHead):
    """A classifier per modality, and one on the concatenated features.

    The branches train alone, as those of :class:`DecisionHead`; the fused
    prediction is that of the classifier on the concatenation, which trains
    over the frozen branches in a stage of its own, or with everything.
    UDI's inference for three modalities (arXiv 2509.02281).

    Args:
        combine (str): How :meth:`fuse` combines what branches say, where a
            method asks for it before the fused classifier is trained; see
            :class:`DecisionHead`. Defaults to 'sum_logits'.
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.
    """

    label_kinds = ('multi', 'soft')

    fused_part = 'head.fc'
    """str: What a last stage trains over the frozen branches."""

    def __init__(self,
                 num_classes: int,
                 in_channels: Dict[str, int],
                 combine: str = 'sum_logits',
                 **kwargs) -> None:
        if combine in ('fitted', 'calibrated'):
            raise ValueError(f'BranchedConcatHead: combine={combine!r} would '
                             'fit what the fused prediction ignores')
        super().__init__(num_classes, in_channels, combine, **kwargs)
        self.fc = nn.Linear(sum(self.in_channels.values()), num_classes)

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        """Logits (B, C); see :meth:`MultimodalHead.forward`."""
        chosen = self.select(features, self.modalities)
        return self.fc(torch.cat(list(chosen.values()), dim=1))

    def fused_logits(self, features, present=None) -> Tensor:
        """Zeros for what is not there; see :class:`MultimodalHead`."""
        return super(DecisionHead, self).fused_logits(features, present)
