from typing import List, Optional, Tuple

import torch
from torch import Tensor

from mmbalance_plugin.utils.transfer import to_device

from ._tensors import at_least_float32


def club_upper_bound(mu: Tensor, logvar: Tensor, y: Tensor) -> Tensor:
    r"""vCLUB over all pairs of the batch, in O(N D) time and memory.

    CLUB (ICML 2020, arXiv 2006.12013) bounds the mutual information of
    :math:`x` and :math:`y` through :math:`Q(y|x) = N(\mu(x), \mathrm{diag}\,
    v(x))`, :math:`v = \exp(logvar)`:

    .. math::
        \frac1N \sum_i \sum_d \Big[ -\frac{(\mu_i - y_i)^2}{2 v_i}
        + \frac1N \sum_j \frac{(y_j - \mu_i)^2}{2 v_i} \Big]

    The mean over :math:`j` needs no pairs, as it equals :math:`Var(y) +
    (\bar y - \mu_i)^2`.

    It is no estimate of the mutual information: with a perfect Q it
    converges to :math:`KL(p \| q) + KL(q \| p)` of the joint distribution
    and the product of the marginals, which for d pairs of Gaussians of
    correlation :math:`\rho` is :math:`d \rho^2 / (1 - \rho^2)`.

    Args:
        mu (Tensor): Means of Q given each x, shape (N, D).
        logvar (Tensor): Log-variances of Q given each x, shape (N, D).
        y (Tensor): The samples that go with each x, shape (N, D).

    Returns:
        Tensor: The bound, 0-d: summed over the D features and averaged over
        the N samples. Divide by D for the mean over features. It can be
        negative while Q is poor.

    Raises:
        ValueError: The shapes differ or are not (N, D) with N >= 1.
    """
    mu, logvar, y = _checked(mu, logvar, y)
    # About the mean, the squares of mu cancel on paper instead of in floating
    # point: var + r^2 - (r - c)^2 = var + 2 r c - c^2.
    mean = y.mean(dim=0)
    centred, residual = y - mean, mu - mean
    contrast = centred.square().mean(dim=0) + centred * (2 * residual -
                                                         centred)
    return _mean_over_samples(0.5 * contrast * torch.exp(-logvar))


def club_sampled(mu: Tensor,
                 logvar: Tensor,
                 y: Tensor,
                 generator: Optional[torch.Generator] = None) -> Tensor:
    """vCLUB with one random partner for each sample instead of all.

    The sampled variant of the released code: noisier than
    :func:`club_upper_bound`, whose expectation over the permutation it
    shares, and not cheaper.

    Args:
        mu, logvar, y (Tensor): See :func:`club_upper_bound`.
        generator (torch.Generator, optional): Draws the permutation, on its
            own device. Defaults to None: torch's global generator.

    Returns:
        Tensor: The estimate, 0-d: summed over features, mean over samples.
    """
    mu, logvar, y = _checked(mu, logvar, y)
    device = y.device if generator is None else generator.device
    order = torch.randperm(len(y), generator=generator, device=device)
    partners = y[to_device(order, y.device)]
    # (n - mu)^2 - (y - mu)^2 as one product, for the same reason as above.
    contrast = (partners - y) * (partners + y - 2 * mu)
    return _mean_over_samples(0.5 * contrast * torch.exp(-logvar))


def club_log_likelihood(mu: Tensor, logvar: Tensor, y: Tensor) -> Tensor:
    r"""What Q is fitted to maximise.

    .. math::
        \frac1N \sum_i \sum_d \Big[ -\frac{(\mu_i - y_i)^2}{v_i} - \log v_i
        \Big]

    Twice the Gaussian log-likelihood :math:`\log Q(y|x)` up to a constant,
    the form of the released CLUB code.

    Takes ``mu``, ``logvar`` and ``y`` as :func:`club_upper_bound` does.

    Returns:
        Tensor: 0-d, summed over features, mean over samples.
    """
    mu, logvar, y = _checked(mu, logvar, y)
    return _mean_over_samples(-(mu - y).square() * torch.exp(-logvar) -
                              logvar)


def club_log_likelihood_gradients(mu: Tensor, logvar: Tensor,
                                  y: Tensor) -> Tuple[Tensor, Tensor]:
    """Gradients of :func:`club_log_likelihood` by ``mu`` and ``logvar``.

    In closed form: a third of what autograd takes for them.

    Takes ``mu``, ``logvar`` and ``y`` as :func:`club_upper_bound` does.

    Returns:
        Tuple[Tensor, Tensor]: Both of shape (N, D).
    """
    mu, logvar, y = _checked(mu, logvar, y)
    residual = y - mu
    weighted = residual * torch.exp(-logvar)
    return 2 / len(y) * weighted, 1 / len(y) * (residual * weighted - 1)


def _mean_over_samples(terms: Tensor) -> Tensor:
    return terms.sum(dim=1).mean()


def _checked(*tensors: Tensor) -> List[Tensor]:
    shapes = [tuple(tensor.shape) for tensor in tensors]
    first = shapes[0]
    if len(first) != 2 or first[0] == 0 or len(set(shapes)) > 1:
        raise ValueError(
            'CLUB needs mu, logvar and y of one shape (N, D) with N >= 1, '
            f'got {", ".join(map(str, shapes))}')
    return [at_least_float32(tensor) for tensor in tensors]
