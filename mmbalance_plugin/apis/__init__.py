"""Predicting clips with a trained model, from Python."""
from .checkpoint import CheckpointMismatchError
from .clip import ClipError
from .coalitions import coalition_log_probabilities
from .inferencer import MultimodalInferencer
from .prediction import (
    ClipFailure,
    ClipPrediction,
    LabelPrediction,
    ModalityPrediction,
)
from .table import prediction_csv, prediction_table

__all__ = [
    'CheckpointMismatchError', 'ClipError', 'ClipFailure', 'ClipPrediction',
    'LabelPrediction', 'ModalityPrediction', 'MultimodalInferencer',
    'coalition_log_probabilities', 'prediction_csv', 'prediction_table'
]
