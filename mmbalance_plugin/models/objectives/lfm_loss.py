"""LFM."""
from itertools import combinations
from typing import TYPE_CHECKING, Dict

import torch
from torch import Tensor

from mmbalance_plugin.functional import (
    info_nce,
    js_divergence,
    lfm_share,
    two_class_rows,
)
from mmbalance_plugin.functional._tensors import at_least_float32
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.dist import gather_with_grad
from mmbalance_plugin.utils.eager import eager
from mmbalance_plugin.utils.run_state import current_epoch

from .record import BatchRecord
from .term import ObjectiveTerm

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer


@MODELS.register_module()
class LFMLoss(ObjectiveTerm):
    """First modalities are matched, then classes told (LFM, NeurIPS 2024).

    (1 - a) CE(f, y) as ``loss_cls`` and a L_match as ``loss_match``, with
    the paper's heuristic a = 1 - exp(-1 / t) in epoch t = 1, 2, ...;
    ``lfm_share`` is a. It stands in for :class:`FusedLoss`. The matching loss
    is the mean over all pairs of modalities.

    Args:
        matching (str): What matches. 'info_nce': the features of one sample,
            among those of the batch; see
            :func:`~mmbalance_plugin.functional.info_nce`. 'js': the
            modalities' predictions, by their Jensen-Shannon divergence (in
            the released code with the arguments of its divergence reversed,
            so that it is not bounded); of several labels the mean over them.
            Defaults to 'info_nce'.
        temperature (float): Of InfoNCE. Defaults to 0.5 (a choice of this
            project).

    DDP, AMP, accumulation, resume and log: docs/methods.md, LFM.

    Raises:
        ValueError: An unknown option, or features of unequal width.
    """

    label_kinds = ('multi', 'soft')
    fuses = True
    fewest = 2

    def __init__(self,
                 matching: str = 'info_nce',
                 temperature: float = 0.5) -> None:
        require_choice('LFMLoss: matching', matching, ('info_nce', 'js'))
        if temperature <= 0:
            raise ValueError('LFMLoss: temperature must be positive, got '
                             f'{temperature}')
        self.matching = matching
        self.temperature = temperature

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Look at the widths; see :class:`ObjectiveTerm`."""
        widths = model.head.in_channels
        if self.matching == 'info_nce' and len(set(widths.values())) > 1:
            raise ValueError(
                'LFMLoss compares features, which must be of one width, but '
                f'got {widths}; set proj_channels of the encoders, or '
                "matching='js'")

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        loss = record.model.head.criterion(record.fused, record.targets)
        match = self._features if self.matching == 'info_nce' else \
            self._predictions
        found = [
            match(record, pair) for pair in combinations(record.features, 2)
        ]
        share = _share(loss.device)
        return dict(
            loss_cls=(1 - share) * loss,
            loss_match=share * torch.stack(found).mean(),
            lfm_share=share)

    def _features(self, record: BatchRecord, pair) -> Tensor:
        both = record.take(at_least_float32(torch.stack(
            [record.features[m] for m in pair], dim=1)), *pair)
        everywhere = gather_with_grad(both)
        if not len(everywhere):
            return both.sum()
        with torch.autocast(both.device.type, enabled=False):
            return info_nce(everywhere[:, 0], everywhere[:, 1],
                            self.temperature)

    def _predictions(self, record: BatchRecord, pair) -> Tensor:
        logits = [record.unimodal[m] for m in pair]
        if not record.model.head.multi_class:
            return record.mean(js_divergence, pair, *logits)
        return record.mean(
            lambda p, q: js_divergence(two_class_rows(p), two_class_rows(q)),
            pair, *logits)


@eager
def _share(device: torch.device) -> Tensor:
    return torch.full((), lfm_share(current_epoch() + 1), device=device)
