"""Dropping whole features of modalities, as OPM does."""
from typing import Dict, Optional

import torch
from torch import Tensor

from .fusion import silence_absent


def keep_masks(probabilities: Dict[str, Tensor],
               batch_size: int,
               generator: Optional[torch.Generator] = None,
               present: Optional[Dict[str, Tensor]] = None
               ) -> Dict[str, Tensor]:
    """Which samples keep which modality.

    Independent Bernoulli draws a sample and a modality. A probability of 0
    keeps every sample, one of 1 keeps none.

    Args:
        probabilities (dict[str, Tensor]): Drop probability of each modality,
            scalars on one device.
        batch_size (int): Number of samples B.
        generator (torch.Generator, optional): Where to draw from; on the
            device of the probabilities. Defaults to None: torch's own.
        present (dict[str, Tensor], optional): For each modality that some
            sample lacks, where it is there: bool, (B, ). A sample that would
            lose all that it has keeps it. Defaults to None: every sample has
            everything.

    Returns:
        dict[str, Tensor]: True where kept, shape (B, ), on the device.
    """
    stacked = torch.stack(list(probabilities.values()))
    draws = torch.rand(
        len(stacked), batch_size, generator=generator, device=stacked.device)
    # Draws lie in [0, 1): never below 0, always below 1.
    keep = draws >= stacked[:, None]
    if present:
        there = torch.stack([
            present.get(name, torch.ones_like(keep[0]))
            for name in probabilities
        ])
        keep = keep | ~(keep & there).any(dim=0)
    return dict(zip(probabilities, keep))


def drop_features(features: Dict[str, Tensor],
                  keep: Dict[str, Tensor],
                  factor: Optional[Tensor] = None) -> Dict[str, Tensor]:
    """Zero the features that are not kept and scale all of them.

    Args:
        features (dict[str, Tensor]): Features (B, D_m).
        keep (dict[str, Tensor]): From :func:`keep_masks`.
        factor (Tensor, optional): What all features are multiplied by, 0-d.
            Defaults to None: nothing.

    Returns:
        dict[str, Tensor]: New tensors of the same shapes and dtypes. A
        dropped feature is zero whatever it was, NaN included.
    """
    dropped = silence_absent(features, keep)
    if factor is None:
        return dropped
    return {
        name: feature * factor.to(feature.dtype)
        for name, feature in dropped.items()
    }
