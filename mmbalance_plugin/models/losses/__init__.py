from .club_loss import CLUBLoss
from .gaussian_estimator import GaussianEstimator
from .js_divergence_loss import JSDivergenceLoss
from .label_smoothing_loss import LabelSmoothingLoss

__all__ = [
    'CLUBLoss', 'GaussianEstimator', 'JSDivergenceLoss', 'LabelSmoothingLoss'
]
