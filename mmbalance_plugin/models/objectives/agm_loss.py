"""AGM."""
from typing import Any, Collection, Dict, Mapping, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmbalance_plugin.functional import (
    agm_attributions,
    agm_coefficients,
    coalitions,
)
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.deferred_scalars import per_modality
from mmbalance_plugin.utils.eager import eager

from ..modes import evaluating
from .record import BatchRecord
from .term import ObjectiveTerm


@MODELS.register_module()
class AGMLoss(ObjectiveTerm):
    """Adaptive gradient modulation (ICCV 2023, arXiv 2308.07686).

    As ``loss_cls``, in place of :class:`FusedLoss`, whose value it has. The
    fused logits are divided among the modalities,
    :func:`~mmbalance_plugin.functional.agm_attributions`, with the input of
    what is absent set to zero. The gradient that goes through each share is
    multiplied by :func:`~mmbalance_plugin.functional.agm_coefficients`, of
    the cross-entropies of the shares and their means over all iterations of
    the stage: a modality that is further ahead than usual is slowed down.

    As each modality has an encoder of its own, a batch is encoded once, and
    one input of zeros per modality. Of what is left 2^M - 2 passes go
    through the head alone.

    Args:
        alpha (float): Strength; 1.5 to 3, depending on the set (official
            scripts). Defaults to 1.5. With 0 it is joint training.
        limit (float): Bound on the exponent before alpha. Defaults to 10
            (released code).

    Zeros are encoded in eval mode, and the head is in eval mode where
    something is absent: no statistics and no random stream move.

    DDP, AMP, accumulation, resume and log: docs/methods.md, AGM.

    Raises:
        ValueError: An option is out of range.
    """

    label_kinds = ('soft', )
    fuses = True
    fewest = 2

    def __init__(self, alpha: float = 1.5, limit: float = 10.) -> None:
        if alpha < 0 or limit < 0:
            raise ValueError('AGMLoss: alpha and limit must not be negative, '
                             f'got {alpha} and {limit}')
        self.alpha = alpha
        self.limit = limit
        self.means: Optional[Tensor] = None
        self.iterations = 0

    def start_stage(self, loop) -> None:
        """Forget the means of another stage; see :class:`ObjectiveTerm`."""
        if loop.progress.epoch == 0:
            self.means, self.iterations = None, 0

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        model = record.model
        shares = agm_attributions(self.logits(record), model.modalities)
        losses, coefficients = self._modulation(record, shares)
        # Adds nothing but gradient: they sum to the fused logits.
        logits = record.fused + sum(
            (coefficients[m] - 1) * (share - share.detach())
            for m, share in shares.items())
        return dict(
            loss_cls=model.head.criterion(logits, record.targets),
            **per_modality(agm_ce=losses, agm_coefficient=coefficients))

    @staticmethod
    def logits(record: BatchRecord) -> Dict[Collection[str], Tensor]:
        """Fused logits (B, C) of each coalition but the empty one."""
        model, head = record.model, record.model.head
        names, features = model.modalities, record.fusion_features
        found: Dict[Collection[str], Tensor] = {}
        absent: Dict[str, Tensor] = {}
        for m in names:
            encoder, like = model.encoders[m], record.inputs[m]
            with evaluating(encoder):
                nothing = encoder(like.new_zeros(1, *like.shape[1:]))
            absent[m] = nothing.to(features[m].dtype).expand_as(features[m])
        with evaluating(head):
            for chosen in coalitions(names)[1:-1]:
                found[chosen] = head.fused_logits(
                    {m: (features if m in chosen else absent)[m]
                     for m in names}, record.masks)
        found[names] = record.fused
        return found

    @eager
    @torch.no_grad()
    def _modulation(
        self, record: BatchRecord, shares: Dict[str, Tensor]
    ) -> Tuple[Dict[str, Tensor], Dict[str, Tensor]]:
        """Cross-entropies of the shares, and coefficients; note the former.
        """
        each = {
            m: F.cross_entropy(share, record.targets, reduction='none')
            for m, share in shares.items()
        }
        total, count = (torch.stack(list(part.values()))
                        for part in record.global_sums(each))
        usual = torch.zeros_like(total) if self.means is None else \
            self.means.to(total)
        usable = (count > 0) & total.isfinite()
        losses = torch.where(usable, total / count.clamp(min=1), usual)
        named = dict(zip(shares, losses.unbind()))
        coefficients = agm_coefficients(
            named, dict(zip(shares, usual.unbind())), self.alpha, self.limit)
        if record.model.training:
            self.iterations += 1
            self.means = usual + (losses - usual) / self.iterations
        return named, coefficients

    def state_dict(self) -> Dict[str, Any]:
        """The means, and of how many iterations they are."""
        return dict(means=self.means, iterations=self.iterations)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.means, self.iterations = state['means'], state['iterations']
