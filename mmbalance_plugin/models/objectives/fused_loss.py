"""The loss of the fused prediction."""
from typing import Dict

from torch import Tensor

from mmbalance_plugin.registry import MODELS

from .record import BatchRecord
from .term import ObjectiveTerm


@MODELS.register_module()
class FusedLoss(ObjectiveTerm):
    """Classification loss of the fused prediction, as ``loss_cls``.

    Args:
        weight (float): Its factor. Defaults to 1.
    """

    fuses = True
    label_kinds = ('multi', 'soft')

    def __init__(self, weight: float = 1.) -> None:
        self.weight = weight

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        head = record.model.head
        loss = head.criterion(record.fused, record.targets)
        return dict(loss_cls=loss if self.weight == 1 else self.weight * loss)
