from .fused_loss import FusedLoss
from .record import BatchRecord
from .term import ObjectiveTerm
from .unimodal_loss import UnimodalLoss

__all__ = ['BatchRecord', 'FusedLoss', 'ObjectiveTerm', 'UnimodalLoss']
