from torch import Tensor

from ._tensors import at_least_float32


def standardize(features: Tensor, eps: float = 1e-6) -> Tensor:
    r"""Bring every feature to mean 0 and variance 1 over the batch.

    The moments are part of the graph: the gradient with respect to the
    features has no component along a shift or a rescaling of a feature,
    which is what keeps an encoder from lowering a loss by moving or blowing
    up its features. No parameters, no running statistics.

    Args:
        features (Tensor): Features of shape (N, D), N >= 1.
        eps (float): Added to the variance. A feature that does not vary
            becomes 0, with a finite gradient. Defaults to 1e-6.

    Returns:
        Tensor: :math:`(x - mean) / \sqrt{var + eps}` with the biased variance,
        shape (N, D), in float32 or better. The variance is taken about the
        mean, hence exact for features far away from zero.
    """
    features = at_least_float32(features)
    centred = features - features.mean(dim=0)
    return centred * (centred.square().mean(dim=0) + eps).rsqrt()
