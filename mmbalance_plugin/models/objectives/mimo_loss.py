"""MIMO."""
from typing import Dict

import torch
from mmengine.dist import get_world_size
from torch import Tensor

from mmbalance_plugin.functional import mimo_loss
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.dist import all_reduce_sum_with_grad

from .record import BatchRecord
from .unimodal_loss import UnimodalLoss


@MODELS.register_module()
class MIMOLoss(UnimodalLoss):
    """The smoothly worst modality's loss (MIMO, 2025), as ``loss_mimo``.

    Beside :class:`FusedLoss`; the sum is
    :func:`~mmbalance_plugin.functional.mimo_loss`. The worst modality weighs
    most, whichever it is at the moment. Each modality's own loss is logged
    as ``ce_<modality>``.

    Args:
        weight (float): lambda; 10 in the paper's toy, on real sets it is not
            known. Defaults to 1 (a choice of this project).
        mu (float): Smoothness; for large ones all modalities weigh
            lambda / M. Defaults to 0.2 (the paper's toy).
        kwargs: ``modalities`` and ``heads`` of :class:`UnimodalLoss`.

    DDP, AMP, accumulation, resume and log: docs/methods.md, MIMO.

    Raises:
        ValueError: ``mu`` is not positive.
    """

    label_kinds = ('multi', 'soft')

    def __init__(self, weight: float = 1., mu: float = 0.2, **kwargs) -> None:
        super().__init__(**kwargs)
        if mu <= 0:
            raise ValueError(f'MIMOLoss: mu must be positive, got {mu}')
        self.factor = weight
        self.mu = mu

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        own = {
            name.replace('loss_cls_', ''): loss
            for name, loss in super().__call__(record).items()
        }
        means = all_reduce_sum_with_grad(
            torch.stack(list(own.values()))) / get_world_size()
        loss = mimo_loss(
            means.new_zeros(()), dict(zip(own, means.unbind())), self.factor,
            self.mu)
        logged = {f'ce_{name}': value.detach() for name, value in own.items()}
        return dict(loss_mimo=loss, **logged)
