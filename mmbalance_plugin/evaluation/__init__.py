"""Metrics. Importing this package registers them."""
import mmbalance_plugin.registry  # noqa: F401

from .functional import (
    macro_f1,
    mean_average_precision,
    mean_class_accuracy,
    top1_accuracy,
)
from .multimodal_metric import MultimodalMetric

__all__ = [
    'MultimodalMetric', 'macro_f1', 'mean_average_precision',
    'mean_class_accuracy', 'top1_accuracy'
]
