"""MLB."""
from typing import Dict

import torch
from torch import Tensor

from ...functional import mlb_coefficients
from ...registry import TASK_UTILS
from .coefficients import CoefficientMethod


@TASK_UTILS.register_module()
class MLB(CoefficientMethod):
    """Gradients of both sides balanced (BMVC 2024, arXiv 2405.07930).

    A modality that is ahead is slowed down, one that lags behind sped up; see
    :func:`~mmbalance_plugin.functional.mlb_coefficients`. Origins and
    behaviour: docs/methods.md.

    Args:
        alpha (float): Strength: 0.5 on CREMA-D, 2 on AVE and UCF101
            (README of the released code). Defaults to 0.5.
        beta_max (float): Bound on the speed-up: 10 on CREMA-D, 1 on AVE,
            0.5 on UCF101 (there). Defaults to 10.
        kwargs: ``scope``, ``start_epoch``, ``end_epoch``, ``log_interval``
            of :class:`CoefficientMethod`.
    """

    label_kinds = ('multi', 'soft')

    def __init__(self,
                 alpha: float = 0.5,
                 beta_max: float = 10.,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        # Complains about alpha now rather than at the first step.
        mlb_coefficients(dict.fromkeys('ab', torch.ones(())), alpha, beta_max)
        self.alpha = alpha
        self.beta_max = beta_max

    def coefficients(self, scores: Dict[str, Tensor],
                     ratios: Dict[str, Tensor]) -> Dict[str, Tensor]:
        return mlb_coefficients(scores, self.alpha, self.beta_max)
