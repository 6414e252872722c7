from typing import Dict

import torch
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice

from ._tensors import at_least_float32


def ogm_coefficients(ratios: Dict[str, Tensor],
                     alpha: float,
                     form: str = 'cvpr') -> Dict[str, Tensor]:
    r"""OGM's gradient coefficients from the discrepancy ratios.

    A modality that is ahead (:math:`\rho > 1`) learns more slowly, every
    other one keeps its gradient untouched (:math:`k = 1` exactly):

    ``'cvpr'``
        :math:`k = 1 - \tanh(\alpha \rho)`, the released code and
        arXiv 2203.15332. It jumps at :math:`\rho = 1`: from 1 to
        :math:`1 - \tanh\alpha` as soon as a modality is ahead at all.
    ``'tpami'``
        :math:`k = 1 - \alpha \tanh(\rho - 1)`, the journal version
        (arXiv 2410.11582). It is continuous, and ``alpha = 0`` gives exactly
        1 everywhere.

    Args:
        ratios (Dict[str, Tensor]): Modality to ratio, from
            :func:`discrepancy_ratios`, 0-d.
        alpha (float): Strength of the modulation, not negative.
        form (str): 'cvpr' or 'tpami'. Defaults to 'cvpr' (released code).

    Returns:
        Dict[str, Tensor]: Modality to coefficient, on the device of the
        ratios, without a copy to the host. A NaN ratio is not above one and
        gives 1: the NaN itself shows in the loss.

    Raises:
        ValueError: Unknown ``form`` or negative ``alpha``.

    Note:
        The 'tpami' form reaches below zero where ``alpha > 1``; a caller
        that trains with it should refuse such an ``alpha``, since a negative
        coefficient trains the modality backwards. The 'cvpr' form stays in
        [0, 1] for any ``alpha``.

    Examples:
        >>> import torch
        >>> ratios = {'rgb': torch.tensor(3.), 'flow': torch.tensor(1 / 3)}
        >>> ogm_coefficients(ratios, alpha=0.1)
        {'rgb': tensor(0.7087), 'flow': tensor(1.)}
    """
    if alpha < 0:
        raise ValueError(
            f'alpha must not be negative, got {alpha}: it would speed up the '
            'modality that is ahead')
    require_choice('form', form, ('cvpr', 'tpami'))
    stacked = torch.stack([at_least_float32(r) for r in ratios.values()])
    if form == 'cvpr':
        slowed = 1 - torch.tanh(alpha * stacked)
    else:
        slowed = 1 - alpha * torch.tanh(stacked - 1)
    return dict(zip(ratios, slowed.where(stacked > 1, 1.).unbind()))
