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
from .fusion import (
    fit_pool_weights,
    mean_probability,
    pool_weighted,
    sum_log_probability,
    sum_logits,
)
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
    'feature_moments', 'fit_pool_weights', 'gradient_alignments',
    'js_divergence', 'mean_probability', 'ogm_coefficients',
    'opm_drop_probabilities', 'opm_dropped_share', 'opm_rescale_factor',
    'pool_weighted', 'predictive_entropy', 'shapley_values', 'standardize',
    'sum_log_probability', 'sum_logits', 'weights_from_alignments'
]
