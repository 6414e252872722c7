"""Late fusion by energy confidence: QMF's head."""
from typing import Dict, Optional

from torch import Tensor

from mmbalance_plugin.functional import qmf_fuse
from mmbalance_plugin.registry import MODELS

from .decision_head import DecisionHead


@MODELS.register_module()
class QMFHead(DecisionHead):
    """One linear classifier a modality, weighted by its confidence (QMF).

    In each sample, in training as in testing, the logits are summed with
    the weights of :func:`~mmbalance_plugin.functional.qmf_confidence`,
    through which no gradient goes: :func:`~mmbalance_plugin.functional.\
qmf_fuse`. To be trained together with :class:`QMFLoss`. What a sample lacks
    is left out.

    Args:
        num_classes, in_channels, kwargs: See :class:`MultimodalHead`.
    """

    def __init__(self, num_classes: int, in_channels: Dict[str, int],
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.combine = 'confidence'

    def fuse(self,
             logits: Dict[str, Tensor],
             present: Optional[Dict[str, Tensor]] = None) -> Tensor:
        return qmf_fuse(
            {m: logits[m]
             for m in self.modalities if m in logits}, present)
