import torch.nn.functional as F
from torch import Tensor

from ._tensors import at_least_float32


def umt_distillation(features: Tensor, teacher: Tensor) -> Tensor:
    r"""Distance of a modality's features to its teacher's in UMT (2023).

    .. math:: \frac{1}{ND} \sum_i |\phi^m_i - \bar\phi^m_i|^2

    of which UMT adds :math:`\lambda` times the sum over the modalities.

    Args:
        features (Tensor): The student's, (N, D).
        teacher (Tensor): The teacher's, (N, D). It gets no gradient.

    Returns:
        Tensor: 0-d, float32 or better.
    """
    return F.mse_loss(
        at_least_float32(features), at_least_float32(teacher).detach())
