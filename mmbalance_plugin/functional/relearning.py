import torch
from torch import Tensor


def relearning_strength(gap: Tensor, lam: float) -> Tensor:
    r"""How far an encoder is set back to its initial weights.

    Diagnosing & Re-learning (ECCV 2024, arXiv 2407.09705):
    :math:`a = \tanh(\lambda |P_{train} - P_{val}|)` of the cluster purities
    P, then :math:`\theta \leftarrow a \theta_{init} + (1 - a) \theta`.

    Args:
        gap (Tensor): :math:`P_{train} - P_{val}`, of any sign and shape.
        lam (float): 3 on CREMA-D, 7 on Kinetics-Sounds and UCF101, 8 on MOSI
            (paper).

    Returns:
        Tensor: Strength in [0, 1), of the shape of ``gap``.

    Raises:
        ValueError: ``lam`` is negative.
    """
    if lam < 0:
        raise ValueError(f'lam must not be negative, got {lam}')
    return torch.tanh(lam * torch.as_tensor(gap).abs())
