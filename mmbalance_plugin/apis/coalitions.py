"""What the head predicts from some of the modalities only."""
import math
from typing import Dict, Iterable, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmbalance_plugin.functional.fusion import pool_weighted
from mmbalance_plugin.models.heads import DecisionHead, MultimodalHead
from mmbalance_plugin.models.heads.decision_head import RULES

Coalition = Tuple[str, ...]


@torch.no_grad()
def coalition_log_probabilities(
        head: MultimodalHead, features: Dict[str, Tensor],
        coalitions: Iterable[Coalition]) -> Dict[Coalition, Tensor]:
    """Fused prediction of each coalition, from features by the head alone.

    A modality outside a coalition has zeros in place of its feature, so the
    empty coalition is what the head says to zeros everywhere. The branches
    of a ``DecisionHead`` answer to zeros with their bias, which is an
    opinion; there, only the branches of the coalition are combined (the
    weights of 'fitted' rescaled to sum to 1), and the empty coalition gives
    each class the probability 1/C.

    Args:
        head (MultimodalHead): In eval mode.
        features (dict[str, Tensor]): Features (B, D_m). A modality that is
            not in here is in no coalition.
        coalitions (Iterable[tuple[str]]): Which ones to evaluate.

    Returns:
        dict[tuple[str], Tensor]: Log-probabilities (B, C) in float32 or
        better. That of all modalities is the model's own fused prediction.

    Note:
        One pass of the head a coalition: cheap beside an encoder, but there
        are 2**M coalitions.
    """
    predict = _Branches if isinstance(head, DecisionHead) else _ZeroFilled
    predict = predict(head, features)
    return {chosen: predict(chosen) for chosen in coalitions}


class _ZeroFilled:
    """Any head: zeros in place of the absent."""

    def __init__(self, head: MultimodalHead,
                 features: Dict[str, Tensor]) -> None:
        some = next(iter(features.values()))
        self.head, self.features = head, features
        self.zeros = {
            name: some.new_zeros(len(some), channels)
            for name, channels in head.in_channels.items()
        }

    def __call__(self, chosen: Coalition) -> Tensor:
        present = {name: self.features[name] for name in chosen}
        logits = self.head({**self.zeros, **present})
        dtype = torch.promote_types(logits.dtype, torch.float32)
        return F.log_softmax(logits.to(dtype), dim=-1)


class _Branches:
    """Late fusion: only the branches that are there."""

    def __init__(self, head: DecisionHead,
                 features: Dict[str, Tensor]) -> None:
        self.head = head
        self.logits = head.unimodal_logits(features, tuple(features))

    def __call__(self, chosen: Coalition) -> Tensor:
        head = self.head
        logits = {m: self.logits[m] for m in head.modalities if m in chosen}
        if not logits:
            some = next(iter(self.logits.values())).float()
            return torch.full_like(some, -math.log(some.shape[-1]))
        if len(logits) == len(head.modalities):
            return head.fuse(logits)
        if not head.needs_fit:
            return RULES[head.combine](logits)
        weights = torch.stack([
            weight for name, weight in zip(head.modalities, head.weights)
            if name in logits
        ])
        return pool_weighted(logits, weights / weights.sum(), head.pool)
