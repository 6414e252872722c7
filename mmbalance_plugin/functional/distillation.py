import torch
from torch import Tensor

from ._tensors import at_least_float32


def distillation_loss(student: Tensor,
                      teacher: Tensor,
                      temperature: float = 2.) -> Tensor:
    r"""Knowledge distillation on softened predictions (arXiv 1503.02531).

    .. math:: T^2 KL(\operatorname{softmax}(z^t / T) \|
        \operatorname{softmax}(z^s / T))

    Args:
        student (Tensor): Logits (N, C).
        teacher (Tensor): Logits (N, C); no gradient flows into them.
        temperature (float): T, positive. Defaults to 2.

    Returns:
        Tensor: Mean over the samples, 0-d, in nats, float32 or better.
    """
    log_s, log_t = (
        torch.log_softmax(at_least_float32(z) / temperature, dim=-1)
        for z in (student, teacher.detach()))
    divergence = (log_t.exp() * (log_t - log_s)).sum(dim=-1)
    return temperature**2 * divergence.mean()
