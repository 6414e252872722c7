"""Fusion by summing cosines: MMCosine's head."""
from typing import Dict

from torch import Tensor, nn

from mmbalance_plugin.functional import mmcosine_logits
from mmbalance_plugin.registry import MODELS

from .sum_head import SumHead


@MODELS.register_module()
class MMCosineHead(SumHead):
    """Sum of each modality's cosines with its classes (MMCosine, 2023).

    ``f(x) = s sum_m cos(phi^m, W^m_c)``, without a bias, in training as in
    testing; see :func:`~mmbalance_plugin.functional.mmcosine_logits`. A
    modality cannot outweigh the others by the length of its features or
    weights. The split is exact.

    Args:
        scale (float): s. Defaults to 10.
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.

    Raises:
        ValueError: ``scale`` is not positive.
    """

    label_kinds = ('soft', )

    def __init__(self,
                 num_classes: int,
                 in_channels: Dict[str, int],
                 scale: float = 10.,
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        if scale <= 0:
            raise ValueError(f'MMCosineHead: scale must be positive, got '
                             f'{scale}')
        self.scale = scale

    def classifier(self, channels: int) -> nn.Module:
        """The weights of a modality's classes."""
        return nn.Linear(channels, self.num_classes, bias=False)

    def own_logits(self, name: str, feature: Tensor) -> Tensor:
        """The modality's cosines."""
        weight, = self.branches[name].parameters()
        return mmcosine_logits(feature, weight, self.scale)
