"""CML."""
from typing import Dict, List

import torch
from mmengine.dist import get_rank
from torch import Tensor

from mmbalance_plugin.functional import cml_loss
from mmbalance_plugin.functional._tensors import at_least_float32
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.run_state import (
    current_epoch,
    current_iter,
    run_seed,
)
from mmbalance_plugin.utils.streams import stream

from ..modes import evaluating
from .record import BatchRecord
from .term import ObjectiveTerm


@MODELS.register_module()
class CMLLoss(ObjectiveTerm):
    """Confidence that does not grow by a loss (CML, ICML 2023).

    As ``loss_cml``, beside :class:`FusedLoss`. Modalities are taken from
    each sample one after the other, in a random order of its own, until one
    is left; where the fused prediction (the largest probability) becomes
    surer, the difference is a loss:
    :func:`~mmbalance_plugin.functional.cml_loss`.

    Args:
        weight (float): lambda. Defaults to 0.1 (paper).

    DDP, AMP, accumulation, resume and log: docs/methods.md, CML.

    Raises:
        ValueError: ``weight`` is negative.
    """

    label_kinds = ('soft', )
    fewest = 2

    def __init__(self, weight: float = 0.1) -> None:
        if weight < 0:
            raise ValueError(f'CMLLoss: weight must not be negative, got '
                             f'{weight}')
        self.weight = weight

    def removal_order(self, record: BatchRecord) -> Tensor:
        """When each modality is taken from each sample, from 0: (M, B)."""
        device, size = record.targets.device, len(record.targets)
        generator = stream(
            run_seed(), 'cml', current_epoch(), current_iter(), get_rank(),
            device=device)
        key = torch.rand(
            len(record.features), size, generator=generator, device=device)
        if record.present is not None:
            there = [record.present.mask(m) for m in record.features]
            key = torch.where(torch.stack(there), key, -1.)
        return key.argsort(dim=0).argsort(dim=0)

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        head, features = record.model.head, record.fusion_features
        order = self.removal_order(record)
        chain: List[Tensor] = [_confidence(record.fused)]
        with evaluating(head):
            for step in range(1, len(features)):
                left = dict(zip(features, (order >= step).unbind()))
                if record.present is not None:
                    left = {
                        m: kept & record.present.mask(m)
                        for m, kept in left.items()
                    }
                chain.append(_confidence(head.fused_logits(features, left)))
        return dict(loss_cml=self.weight * cml_loss(chain))


def _confidence(logits: Tensor) -> Tensor:
    return at_least_float32(logits).softmax(dim=1).amax(dim=1)
