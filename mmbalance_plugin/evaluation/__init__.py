"""Metrics. Importing this package registers them."""
import mmbalance_plugin.registry  # noqa: F401

from .functional import (
    macro_f1,
    mean_average_precision,
    mean_class_accuracy,
    top1_accuracy,
    top_k_accuracy,
)
from .multimodal_metric import MultimodalMetric
from .predictions import Predictions, load_predictions, save_predictions

__all__ = [
    'MultimodalMetric', 'Predictions', 'load_predictions', 'macro_f1',
    'mean_average_precision', 'mean_class_accuracy', 'save_predictions',
    'top1_accuracy', 'top_k_accuracy'
]
