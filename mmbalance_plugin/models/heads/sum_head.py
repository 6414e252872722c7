"""Fusion by summing the logits of one classifier a modality."""
from typing import Dict, Iterable, Optional

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
        num_classes (int): Number of classes.
        in_channels (dict[str, int]): Channels of each modality's feature.
        kwargs: See :class:`MultimodalHead`.
    """

    linear = True

    def __init__(self, num_classes: int, in_channels: Dict[str, int],
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.build_branches(self.classifier)

    def classifier(self, channels: int) -> nn.Module:
        """Build the classifier of a modality."""
        return nn.Linear(channels, self.num_classes)

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        """See :meth:`MultimodalHead.forward`."""
        return sum(self.split_logits(features, self.modalities).values())

    def fused_logits(
            self,
            features: Dict[str, Tensor],
            present: Optional[Dict[str, Tensor]] = None) -> Tensor:
        """Sum over the classifiers of what each sample has.

        See :meth:`MultimodalHead.fused_logits`.
        """
        if not present:
            return self(features)
        logits = self.split_logits(features, self.modalities)
        return sum(silence_absent(logits, present).values())

    def split_logits(
            self,
            features: Dict[str, Tensor],
            modalities: Optional[Iterable[str]] = None) -> Dict[str, Tensor]:
        """See :meth:`MultimodalHead.split_logits`."""
        chosen = self.select(features, modalities)
        return {
            name: self.branches[name](feature)
            for name, feature in chosen.items()
        }
