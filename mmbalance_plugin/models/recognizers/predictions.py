"""Writing predictions into data samples."""
from typing import Dict, List, Optional

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor


def write_predictions(
    unimodal: Dict[str, Tensor],
    fused: Optional[Tensor],
    data_samples: Optional[List[ActionDataSample]] = None
) -> List[ActionDataSample]:
    """Write a batch's predictions, moved to the CPU in one piece.

    Args:
        unimodal (dict[str, Tensor]): Logits (B, C) of each modality alone.
        fused (Tensor, optional): Fused logits (B, C).
        data_samples (list[ActionDataSample], optional): Samples to be
            completed. Defaults to None: new ones.

    Returns:
        list[ActionDataSample]: With ``pred_scores``, a dict of each
        modality's probabilities (C, ), and, given fused logits,
        ``pred_score`` (C, ) and ``pred_label`` (1, ).
    """
    logits = list(unimodal.values()) + ([] if fused is None else [fused])
    scores = torch.stack([value.float() for value in logits])
    scores = scores.softmax(dim=-1).detach().cpu()
    batch = scores.shape[1]
    if data_samples is None:
        data_samples = [ActionDataSample() for _ in range(batch)]
    if len(data_samples) != batch:
        raise ValueError(
            f'{len(data_samples)} data_samples for a batch of {batch}')
    labels = scores[-1].argmax(dim=-1, keepdim=True)
    for index, sample in enumerate(data_samples):
        # Not set_pred_score, which would take its length for num_classes.
        sample.set_field(
            {name: scores[k, index]
             for k, name in enumerate(unimodal)}, 'pred_scores')
        if fused is not None:
            sample.set_pred_score(scores[-1, index])
            sample.set_pred_label(labels[index])
    return data_samples
