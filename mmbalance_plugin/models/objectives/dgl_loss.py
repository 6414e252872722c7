"""DGL."""
from typing import Dict

from torch import Tensor
from torch.func import functional_call

from mmbalance_plugin.registry import MODELS

from ..modes import evaluating
from .record import BatchRecord
from .term import ObjectiveTerm


@MODELS.register_module()
class DGLLoss(ObjectiveTerm):
    """Encoders and head decoupled in one backward (ICCV 2025, 2507.10213).

    The encoders learn from the head's prediction of each modality alone,
    alpha sum_m CE(head(0, .., phi^m, .., 0), y) with the head held fixed, as
    ``loss_cls_<modality>``; the head learns from CE(head(phi), y) with the
    features held fixed, as ``loss_cls``. It stands in for
    :class:`FusedLoss`.

    Args:
        alpha (float): Factor on the encoders' losses: 4 or 5 on CREMA-D, 2
            or 3 on Kinetics-Sounds (released code). Defaults to 4.

    A sample that lacks a modality has no loss of it. With alpha 0 the encoders
    stay as they began.

    DDP, AMP, accumulation, resume and log: docs/methods.md, DGL.

    Raises:
        ValueError: ``alpha`` is negative.
    """

    fuses = True
    label_kinds = ('multi', 'soft')

    def __init__(self, alpha: float = 4.) -> None:
        if alpha < 0:
            raise ValueError(f'DGLLoss: alpha must not be negative, got '
                             f'{alpha}')
        self.alpha = alpha

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        head = record.model.head
        fixed = {m: f.detach() for m, f in record.fusion_features.items()}
        losses = dict(
            loss_cls=head.criterion(
                head.fused_logits(fixed, record.masks), record.targets))
        weights = {name: p.detach() for name, p in head.named_parameters()}
        for name, feature in record.features.items():
            with evaluating(head):
                logits = functional_call(
                    head, weights, (head.only(name, feature), ))
            losses[f'loss_cls_{name}'] = self.alpha * record.mean(
                head.criterion, (name, ), logits, record.targets)
        return losses
