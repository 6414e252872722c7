"""Writing predictions into data samples."""
from typing import Callable, Dict, List, Optional

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor

from ..presence import Presence


def write_predictions(
    unimodal: Dict[str, Tensor],
    fused: Optional[Tensor],
    probabilities: Callable[[Tensor], Tensor],
    data_samples: Optional[List[ActionDataSample]] = None,
    present: Optional[Presence] = None
) -> List[ActionDataSample]:
    """Write a batch's predictions, moved to the CPU in one piece.

    Args:
        unimodal (dict[str, Tensor]): Logits (B, C) of each modality alone;
            anything where a sample lacks it.
        fused (Tensor, optional): Fused logits (B, C).
        probabilities (Callable): Of logits, by the head.
        data_samples, present: See :meth:`MultimodalRecognizer.forward`.

    Returns:
        list[ActionDataSample]: See :meth:`MultimodalRecognizer.predict`.
    """
    logits = list(unimodal.values()) + ([] if fused is None else [fused])
    scores = torch.stack([value.float() for value in logits])
    scores = probabilities(scores).detach().cpu()
    batch = scores.shape[1]
    if data_samples is None:
        data_samples = [ActionDataSample() for _ in range(batch)]
    if len(data_samples) != batch:
        raise ValueError(
            f'{len(data_samples)} data_samples for a batch of {batch}')
    labels = scores[-1].argmax(dim=-1, keepdim=True)
    there = [tuple(unimodal)] * batch
    if present is not None:
        there = present.names_of(unimodal)
        for sample, names in zip(data_samples, there):
            mask = dict(sample.get('modality_mask', {}))
            mask.update({name: name in names for name in unimodal})
            sample.set_metainfo(dict(modality_mask=mask))
    for index, sample in enumerate(data_samples):
        # Not set_pred_score, which would take its length for num_classes.
        sample.set_field(
            {name: scores[k, index]
             for k, name in enumerate(unimodal)
             if name in there[index]}, 'pred_scores')
        if fused is not None:
            sample.set_pred_score(scores[-1, index])
            sample.set_pred_label(labels[index])
    return data_samples
