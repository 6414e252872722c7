"""MMPareto."""
from typing import List

import torch
from torch import Tensor

from ...functional import mmpareto_direction
from ...models.recognizers import MultimodalRecognizer
from ...registry import MODELS
from ...utils.choices import require_choice
from .combined_gradient_step import CombinedGradientStep, Gradients
from .train_step import Losses

_FUSED, _ALONE = 'loss_cls', 'loss_cls_'


@MODELS.register_module()
class MMPareto(CombinedGradientStep):
    """Fused and unimodal gradients without conflict (arXiv 2405.17730).

    For each encoder, the gradients of the fused and of the modality's own
    loss are combined by :func:`~mmbalance_plugin.functional.\
mmpareto_direction`; everything else gets their sum. The objective must hold
    :class:`FusedLoss` and :class:`UnimodalLoss`; in a stage that lacks one of
    them, this is the plain step's sum.

    Two backward passes whatever the number of modalities (the released code
    takes M + 1), since no modality's own loss reaches another one's encoder.
    Origins and behaviour: docs/methods.md.

    Args:
        gamma (float): Factor on the length of an encoder's gradient.
            Defaults to 1.5 (paper, code).
        norm (str): 'encoder' (paper) or 'tensor' (released code); see the
            function. Defaults to 'encoder'.
    """

    label_kinds = ('multi', 'soft')

    def __init__(self, gamma: float = 1.5, norm: str = 'encoder') -> None:
        super().__init__()
        require_choice('MMPareto: norm', norm, ('encoder', 'tensor'))
        if gamma <= 0:
            raise ValueError(f'MMPareto: gamma must be positive, got {gamma}')
        self.gamma = gamma
        self.norm = norm

    def group(self, losses: Losses) -> Losses:
        """Fused, unimodal, and whatever else is minimised."""
        groups: Losses = {}
        for name, loss in losses.items():
            if 'loss' not in name:
                continue
            kind = 'fused' if name == _FUSED else \
                'unimodal' if name.startswith(_ALONE) else 'other'
            groups[kind] = groups[kind] + loss if kind in groups else loss
        return groups

    def combine(self, model: MultimodalRecognizer, names: List[str],
                gradients: Gradients) -> List[Tensor]:
        total = [sum(grads) for grads in zip(*gradients.values())]
        if not {'fused', 'unimodal'} <= set(gradients):
            return total
        for modality in model.modalities:
            own = [
                i for i, name in enumerate(names)
                if name.startswith(f'encoders.{modality}.')
            ]
            if own:
                self._combine_encoder(own, total, gradients)
        return total

    def _combine_encoder(self, own: List[int], total: List[Tensor],
                         gradients: Gradients) -> None:
        sizes = [total[i].numel() for i in own]
        fused, unimodal = (
            torch.cat([gradients[kind][i].flatten() for i in own])
            for kind in ('fused', 'unimodal'))
        direction = mmpareto_direction(fused, unimodal, self.gamma, self.norm,
                                       sizes)
        for i, piece in zip(own, direction.split(sizes)):
            combined = piece.view_as(total[i]).to(total[i].dtype)
            if 'other' in gradients:
                combined = combined + gradients['other'][i]
            total[i] = combined
