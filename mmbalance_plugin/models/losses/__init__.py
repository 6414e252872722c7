from .club_loss import CLUBLoss
from .gaussian_estimator import GaussianEstimator
from .js_divergence_loss import JSDivergenceLoss

__all__ = ['CLUBLoss', 'GaussianEstimator', 'JSDivergenceLoss']
