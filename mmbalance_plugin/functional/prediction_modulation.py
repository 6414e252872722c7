from typing import Dict, Optional

import torch
from torch import Tensor

from ._tensors import at_least_float32
from .fusion import silence_absent


def opm_drop_probabilities(ratios: Dict[str, Tensor], q_base: float,
                           lam: float) -> Dict[str, Tensor]:
    r"""OPM's probability of dropping each modality's feature.

    .. math::
        q^m = q_{base} (1 + \lambda \tanh(\rho^m - 1))
        \quad\text{if } \rho^m > 1, \text{ else } 0

    clipped to [0, 1] (arXiv 2410.11582). It jumps from 0 to ``q_base`` as
    soon as a modality is ahead. The weakest modality has a ratio of at most
    one and is therefore never dropped, so no sample loses every modality.

    Args:
        ratios (Dict[str, Tensor]): Modality to ratio, from
            :func:`discrepancy_ratios`, 0-d.
        q_base (float): Drop probability of a modality that is barely ahead
            (released code: 0.5).
        lam (float): How much the probability grows with the lead (released
            code: 0.5).

    Returns:
        Dict[str, Tensor]: Modality to probability, on the device of the
        ratios, without a copy to the host. A NaN ratio is not above one and
        gives 0, so that a mask drawn from it stays valid.

    Examples:
        >>> import torch
        >>> ratios = {'rgb': torch.tensor(3.), 'flow': torch.tensor(1 / 3)}
        >>> opm_drop_probabilities(ratios, q_base=0.5, lam=0.5)
        {'rgb': tensor(0.7410), 'flow': tensor(0.)}
    """
    stacked = torch.stack([at_least_float32(r) for r in ratios.values()])
    ahead = (q_base * (1 + lam * torch.tanh(stacked - 1))).clamp(0, 1)
    return dict(zip(ratios, ahead.where(stacked > 1, 0.).unbind()))


def opm_rescale_factor(probabilities: Dict[str, Tensor],
                       widths: Dict[str, int]) -> Tensor:
    r"""Factor that makes up for the dropped features on average.

    The released code scales all features by :math:`1 / (1 - \theta)` in a
    step that drops, with the share of the channels that is expected to drop,
    :math:`\theta = \sum_m D_m q^m / \sum_m D_m`. It is finite because the
    weakest modality is never dropped.

    Args:
        probabilities (Dict[str, Tensor]): Modality to drop probability, 0-d.
        widths (Dict[str, int]): Modality to feature width :math:`D_m`.

    Returns:
        Tensor: The factor, 0-d, at least 1.

    Raises:
        ValueError: The two arguments name different modalities.

    Examples:
        >>> import torch
        >>> probabilities = {'rgb': torch.tensor(.5), 'flow': torch.tensor(0.)}
        >>> opm_rescale_factor(probabilities, {'rgb': 8, 'flow': 8})
        tensor(1.3333)
    """
    if set(probabilities) != set(widths):
        raise ValueError(
            f'drop probabilities are given for {sorted(probabilities)} but '
            f'feature widths for {sorted(widths)}')
    dropped = torch.stack([
        widths[name] * at_least_float32(q)
        for name, q in probabilities.items()
    ])
    return 1 / (1 - dropped.sum() / sum(widths.values()))


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
