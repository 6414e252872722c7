"""The formulas, as pure functions of tensors, usable from bare PyTorch."""
from .alignment import (
    alignment_weights,
    gradient_alignments,
    weights_from_alignments,
)
from .club import (
    club_against,
    club_log_likelihood,
    club_sampled,
    club_upper_bound,
)
from .discrepancy import discrepancy_ratios
from .divergence import js_divergence, predictive_entropy
from .gradient_modulation import ogm_coefficients
from .prediction_modulation import (
    opm_drop_probabilities,
    opm_dropped_share,
    opm_rescale_factor,
)
from .shapley import coalitions, shapley_values
from .standardization import feature_moments, standardize

__all__ = [
    'alignment_weights', 'club_against', 'club_log_likelihood',
    'club_sampled', 'club_upper_bound', 'coalitions', 'discrepancy_ratios',
    'feature_moments', 'gradient_alignments', 'js_divergence',
    'ogm_coefficients', 'opm_drop_probabilities', 'opm_dropped_share',
    'opm_rescale_factor', 'predictive_entropy', 'shapley_values',
    'standardize', 'weights_from_alignments'
]
