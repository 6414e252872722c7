"""The formulas, as pure functions of tensors, usable from bare PyTorch."""
from .agm import agm_attributions, agm_coefficients
from .alignment import (
    alignment_weights,
    gradient_alignments,
    weights_from_alignments,
)
from .blending import cutmix, mixup
from .calibration import ece, fit_temperature
from .club import (
    club_log_likelihood,
    club_log_likelihood_gradients,
    club_sampled,
    club_upper_bound,
)
from .cml import cml_loss
from .discrepancy import discrepancy_ratios
from .distillation import distillation_loss
from .divergence import js_divergence, predictive_entropy
from .fusion import (
    fit_pool_weights,
    label_by_label,
    mean_probability,
    pool_weighted,
    sum_logits,
    two_class_rows,
)
from .g_blend import g_blend_weights
from .gradient_modulation import ogm_coefficients
from .inforeg import inforeg_coefficients, inforeg_window
from .label_support import label_support
from .lfm import info_nce, lfm_share
from .mimo import mimo_loss
from .mla import mla_projection, mla_weights
from .mlb import mlb_coefficients
from .mmcosine import mmcosine_logits
from .mmpareto import mmpareto_direction
from .mutual_information import (
    feature_mutual_information,
    ksg_mutual_information,
    linear_gaussian,
    mutual_information_weights,
)
from .pmr import (
    pmr_coefficients,
    pmr_entropy_weights,
    prototype_log_probs,
)
from .prediction_modulation import opm_drop_probabilities, opm_rescale_factor
from .qmf import qmf_confidence, qmf_fuse, qmf_rank_loss
from .reconboost import reconboost_loss
from .relearning import cluster_purity, relearning_strength
from .shapley import coalitions, shapley_values
from .standardization import standardize
from .tcmax import tcmax_from_sums, tcmax_loss, tcmax_sums
from .umt import umt_distillation

# Of what is imported above; the files themselves are no functions.
__all__ = [name for name, value in globals().items() if callable(value)]
