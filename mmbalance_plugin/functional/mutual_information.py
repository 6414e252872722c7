import math
from typing import Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmbalance_plugin.utils.choices import require_choice

from ._tensors import at_least_float32
from .club import club_upper_bound

_LEAST_VARIANCE = 1e-6  # of standardised features
ESTIMATORS = ('ksg', 'info_nce', 'club')


def mutual_information_weights(f1: Tensor,
                               information: Tensor,
                               beta: float = 1.,
                               gamma: float = 1.) -> Tensor:
    r"""Loss weights of the modalities, after arXiv 2511.00987.

    .. math::
        w_m \propto \exp(\beta (1 - F1_m) + \gamma I(\phi^m; \phi^{rest})),
        \qquad \operatorname{mean}_m w_m = 1

    The paper's equations are not public: the form is a choice of this
    project.

    Args:
        f1 (Tensor): Macro-F1 of each modality alone, (M, ), in [0, 1].
        information (Tensor): Of each modality with the others, (M, ), in
            nats.
        beta (float): How much more a weak modality weighs. Defaults to 1.
        gamma (float): How much more one weighs that shares much with the
            others; less, if negative. Defaults to 1.

    Returns:
        Tensor: Positive weights (M, ) whose mean is 1.
    """
    raw = at_least_float32(beta * (1 - f1) + gamma * information)
    return len(raw) * torch.softmax(raw, dim=0)


def ksg_mutual_information(x: Tensor, y: Tensor, neighbors: int = 3) -> float:
    r"""Mutual information by nearest neighbours (Kraskov et al., 2004).

    .. math::
        \psi(k) + \psi(N) - \operatorname{mean}_i
        [\psi(n^x_i + 1) + \psi(n^y_i + 1)]

    where n counts the samples that are closer, in x or y alone, than the
    k-th neighbour is in both together, by the largest difference of a
    feature. Nothing is fitted. The bias is towards 0, and large where there
    are many features or log N is not well above the answer.

    Args:
        x (Tensor): (N, D).
        y (Tensor): (N, E), on the scale of x.
        neighbors (int): k. Defaults to 3.

    Returns:
        float: Nats, 0 at the least; 0 where there are no more than k
        samples.

    Raises:
        ValueError: Another number of samples in x than in y, or no
            neighbours are asked for.
    """
    if len(x) != len(y) or neighbors < 1:
        raise ValueError(
            'ksg_mutual_information needs as many x as y and at least 1 '
            f'neighbour, got {len(x)}, {len(y)} and {neighbors}')
    if len(x) <= neighbors:
        return 0.
    # A second to import, for one method.
    import numpy as np
    from sklearn.neighbors import KDTree, NearestNeighbors
    parts = [part.detach().double().cpu().numpy() for part in (x, y)]
    joint = np.hstack(parts)
    nearest = NearestNeighbors(metric='chebyshev', n_neighbors=neighbors)
    # Of the samples themselves, each without itself.
    distances = nearest.fit(joint).kneighbors()[0][:, -1]
    within = np.nextafter(distances, 0)
    counts = [
        torch.from_numpy(
            KDTree(part, metric='chebyshev').query_radius(
                part, within, count_only=True)).double() for part in parts
    ]  # of each sample with itself
    ends = torch.tensor([neighbors, len(x)]).double().digamma().sum()
    return max(0., float(ends - sum(n.digamma().mean() for n in counts)))


def linear_gaussian(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]:
    """The Gaussian Q(y | x) of linear mean that fits best.

    Args:
        x (Tensor): (N, D).
        y (Tensor): (N, E).

    Returns:
        tuple[Tensor, Tensor]: Mean for each x, (N, E), and log-variance of
        each feature, (1, E), as :func:`club_upper_bound` takes them once
        expanded.
    """
    ones = x.new_ones(len(x), 1)
    inputs = torch.cat([x, ones], dim=1)
    mean = inputs @ (torch.linalg.pinv(inputs) @ y)
    variance = (y - mean).square().mean(dim=0, keepdim=True)
    return mean, variance.clamp(min=_LEAST_VARIANCE).log()


def feature_mutual_information(x: Tensor,
                               y: Tensor,
                               estimator: str = 'ksg',
                               components: int = 8,
                               neighbors: int = 3) -> float:
    """How much features tell of other features, estimated.

    Features are standardised and cut down to their principal components
    first: no estimator reads hundreds of features from hundreds of samples.
    What is lost can only lower the true value.

    Args:
        x (Tensor): (N, D).
        y (Tensor): (N, E).
        estimator (str): 'ksg', :func:`ksg_mutual_information`; 'info_nce',
            the bound of arXiv 1807.03748 from below, never above log N; or
            'club', :func:`club_upper_bound`, from above and far so where x
            tells much. The bounds use :func:`linear_gaussian`. Defaults to
            'ksg'.
        components (int): Kept of x and of y. Defaults to 8.
        neighbors (int): Of 'ksg'. Defaults to 3.

    Returns:
        float: Nats, 0 at the least; 0 where x or y does not vary.

    Raises:
        ValueError: Unknown ``estimator``.
    """
    require_choice('estimator', estimator, ESTIMATORS)
    x, y = (_principal(part, components) for part in (x, y))
    if len(x) <= neighbors or not x.shape[1] or not y.shape[1]:
        return 0.
    if estimator == 'ksg':
        return ksg_mutual_information(x, y, neighbors)
    mean, logvar = linear_gaussian(x, y)
    if estimator == 'club':
        bound = club_upper_bound(mean, logvar.expand_as(mean), y)
    else:
        # The best critic there is: log Q(y | x), but for what y adds alone.
        scale = (-.5 * logvar).exp()
        scores = -.5 * torch.cdist(y * scale, mean * scale).square()
        bound = math.log(len(x)) - F.cross_entropy(
            scores, torch.arange(len(x)))
    return max(0., float(bound))


def _principal(features: Tensor, components: int) -> Tensor:
    """Leading components of what varies, float64, as a whole of variance 1.
    """
    features = features.detach().double().cpu()
    centred = features - features.mean(dim=0)
    scale = centred.square().mean(dim=0).sqrt()
    varying = scale > 1e-8
    if not varying.any():
        return features[:, :0]
    centred = centred[:, varying] / scale[varying]
    # Imported late as above.
    from sklearn.decomposition import PCA
    found = PCA(
        min(components, *centred.shape),
        svd_solver='covariance_eigh').fit_transform(centred.numpy())
    return torch.from_numpy(found / found.std())
