from typing import Optional, Tuple

from torch import Tensor

from ._tensors import at_least_float32


def feature_moments(features: Tensor) -> Tuple[Tensor, Tensor]:
    """Mean and biased variance of each feature over the batch.

    Args:
        features (Tensor): Features of shape (N, D).

    Returns:
        Tuple[Tensor, Tensor]: Mean and variance, each of shape (D,),
        differentiable. The variance is taken about the mean, hence exact for
        features far away from zero; both are float32 or better.
    """
    features = at_least_float32(features)
    mean = features.mean(dim=0)
    return mean, (features - mean).square().mean(dim=0)


def standardize(features: Tensor,
                mean: Optional[Tensor] = None,
                var: Optional[Tensor] = None,
                eps: float = 1e-6) -> Tensor:
    r"""Bring every feature to mean 0 and variance 1 over the batch.

    The moments are part of the graph: the gradient with respect to the
    features has no component along a shift or a rescaling of a feature,
    which is what keeps an encoder from lowering a loss by moving or blowing
    up its features. No parameters, no running statistics.

    Args:
        features (Tensor): Features of shape (N, D), N >= 1.
        mean (Tensor, optional): Mean of shape (D,), for example that of the
            global batch. Defaults to None: the mean of ``features``.
        var (Tensor, optional): Biased variance of shape (D,). Defaults to
            None: the variance of ``features``.
        eps (float): Added to the variance. A feature that does not vary
            becomes 0, with a finite gradient. Defaults to 1e-6.

    Returns:
        Tensor: :math:`(x - mean) / \sqrt{var + eps}`, shape (N, D).

    Raises:
        ValueError: Only one of ``mean`` and ``var`` is given.
    """
    if (mean is None) != (var is None):
        raise ValueError('standardize needs both mean and var, or neither')
    features = at_least_float32(features)
    if mean is None or var is None:
        mean, var = feature_moments(features)
    return (features - mean) * (var + eps).rsqrt()
