import torch
from torch import Tensor

from ._tensors import at_least_float32


def reconboost_loss(logits: Tensor,
                    rest: Tensor,
                    targets: Tensor,
                    own: float = 5.,
                    shared: float = 1.) -> Tensor:
    r"""Loss of the modality whose turn it is in ReconBoost (ICML 2024).

    .. math:: -\frac{1}{C} (w_1 - w_2\, p^{rest}_y) \log p^m_y

    Since targets are one-hot, what is boosted is a sample's weight: the
    surer the others are of its class, the less it counts.

    Args:
        logits (Tensor): The modality's own, (N, C).
        rest (Tensor): What all others say together, (N, C). It gets no
            gradient.
        targets (Tensor): True classes (N, ).
        own (float): :math:`w_1`. Defaults to 5.
        shared (float): :math:`w_2`. Defaults to 1.

    Returns:
        Tensor: Mean over the samples, 0-d, float32 or better.
    """
    log_p = torch.log_softmax(at_least_float32(logits), dim=1)
    p_rest = torch.softmax(at_least_float32(rest.detach()), dim=1)
    true = targets[:, None]
    weight = own - shared * p_rest.gather(1, true)
    return -(weight * log_p.gather(1, true)).mean() / logits.shape[1]
