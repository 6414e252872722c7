"""What the head predicts from some of the modalities only."""
from functools import partial
from typing import Dict, Iterable, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmbalance_plugin.models.heads import MultimodalHead

Coalition = Tuple[str, ...]


@torch.no_grad()
def coalition_log_probabilities(
        head: MultimodalHead,
        features: Dict[str, Tensor],
        coalitions: Iterable[Coalition],
        present: Optional[Dict[str, Tensor]] = None
) -> Dict[Coalition, Tensor]:
    """Fused prediction of each coalition, from features by the head alone.

    A modality outside a coalition is treated as one that the clips lack, see
    :meth:`MultimodalHead.fused_logits`: heads with a classifier for each
    modality leave it out, so that the empty coalition gives each class the
    probability 1/C, or 1/2 with ``multi_class``; any other head has zeros in
    place of the feature.

    Args:
        head (MultimodalHead): In eval mode.
        features (dict[str, Tensor]): Features (B, D_m). A modality that is
            not in here is in no coalition.
        coalitions (Iterable[tuple[str]]): Which ones to evaluate.
        present (dict[str, Tensor], optional): For each modality that some
            sample lacks, where it is there: bool, (B, ). Defaults to None.

    Returns:
        dict[tuple[str], Tensor]: Log-probabilities (B, C) in float32 or
        better. That of all modalities is the model's own fused prediction.

    Note:
        One pass of the head a coalition: cheap beside an encoder, but there
        are 2**M coalitions.
    """
    some = next(iter(features.values()))
    filled = {
        name: features[name] if name in features else some.new_zeros(
            len(some), channels)
        for name, channels in head.in_channels.items()
    }
    nowhere = torch.zeros(len(some), dtype=torch.bool, device=some.device)
    values = dict()
    logged = F.logsigmoid if head.multi_class else partial(
        F.log_softmax, dim=-1)
    for chosen in coalitions:
        absent = {m: nowhere for m in head.modalities if m not in chosen}
        logits = head.fused_logits(filled, {**(present or {}), **absent})
        dtype = torch.promote_types(logits.dtype, torch.float32)
        values[chosen] = logged(logits.to(dtype))
    return values
