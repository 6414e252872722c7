from typing import Dict, Optional

import torch
from torch import Tensor

from ._tensors import at_least_float32

MIN_SCORE_SUM = 1e-12


def discrepancy_ratios(
        score_sums: Dict[str, Tensor],
        counts: Optional[Dict[str, Tensor]] = None) -> Dict[str, Tensor]:
    r"""How far each modality is ahead of the others.

    For modality :math:`m` with the summed probability of the true class
    :math:`S^m = \sum_i s^m_i`, each sum clamped from below at 1e-12,

    .. math::
        \rho^m = \frac{1}{M-1} \sum_{j \ne m} \frac{S^m}{S^j}

    that is OGM-GE's discrepancy ratio (CVPR 2022, arXiv 2203.15332,
    extended beyond two modalities as the mean of the pairwise ratios). A
    ratio above one means: supports the true class better than the others
    do. The ratio of the weakest modality never exceeds one, not by a
    rounding error either.

    Args:
        score_sums (Dict[str, Tensor]): Modality to the sum of its true-class
            probabilities, 0-d, all on one device. Sums or means over the
            same samples give the same ratios. Under DDP and gradient
            accumulation pass the sums over all ranks and micro-batches: the
            mean of local ratios is not the ratio of the global batch.
        counts (Dict[str, Tensor], optional): How many samples there are in
            each sum, 0-d. Where they differ the sums are first brought to
            the largest count, so that mean scores are compared; a modality
            without any sample counts as level with the others. Defaults to
            None: all over the same samples.

    Returns:
        Dict[str, Tensor]: Modality to ratio, in the order of the input, in
        float32 or better, on the device of the sums; nothing is copied to
        the host. A sum that underflowed counts as 1e-12, so every ratio is
        finite, and modalities that all underflowed are level (ratio 1). A
        NaN score gives NaN ratios.

    Raises:
        ValueError: Fewer than two modalities: there is nothing to compare.

    Examples:
        >>> import torch
        >>> discrepancy_ratios({'rgb': torch.tensor(3.),
        ...                     'flow': torch.tensor(1.)})
        {'rgb': tensor(3.), 'flow': tensor(0.3333)}
    """
    if len(score_sums) < 2:
        raise ValueError(
            'discrepancy ratios compare modalities with each other and need '
            f'the scores of at least two, got {sorted(score_sums)}')
    # In one matrix of pairs, so that a step needs few kernels.
    sums = torch.stack([at_least_float32(s) for s in score_sums.values()])
    there = None
    if counts is not None:
        sizes = torch.stack([counts[name] for name in score_sums])
        there = sizes > 0
        sums = sums * (sizes.amax() / sizes.clamp(min=1))
    sums = sums.clamp(min=MIN_SCORE_SUM)
    pairs = sums[:, None] / sums
    if there is not None:
        pairs = pairs.where(there[:, None] & there, 1.)
    # Sum, then divide: a mean that multiplies by 1 / (M - 1) could round the
    # weakest of several equal modalities above one.
    ratios = pairs.fill_diagonal_(0.).sum(dim=1) / (len(sums) - 1)
    return dict(zip(score_sums, ratios.unbind()))
