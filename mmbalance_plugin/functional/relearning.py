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


def cluster_purity(clusters: Tensor, targets: Tensor) -> float:
    r"""Share of samples that belong to their cluster's largest class.

    .. math::
        \frac{1}{N} \sum_k \max_c |\{i : k_i = k, y_i = c\}|

    Args:
        clusters (Tensor): Cluster of each sample, integers (N, ).
        targets (Tensor): Class of each sample, integers (N, ).

    Returns:
        float: In (0, 1].

    Raises:
        ValueError: There is no sample.
    """
    if not len(targets):
        raise ValueError('purity needs samples, got none')
    classes = int(targets.max()) + 1
    pairs = torch.bincount(
        clusters.long() * classes + targets.long(),
        minlength=(int(clusters.max()) + 1) * classes)
    largest = pairs.view(-1, classes).max(dim=1).values
    return float(largest.sum()) / len(targets)
