from .agm_loss import AGMLoss
from .cml_loss import CMLLoss
from .dgl_loss import DGLLoss
from .fused_loss import FusedLoss
from .lfm_loss import LFMLoss
from .mimo_loss import MIMOLoss
from .qmf_loss import QMFLoss
from .reconboost_loss import ReconBoostLoss
from .record import BatchRecord
from .tcmax_loss import TCMaxLoss
from .term import ObjectiveTerm
from .unimodal_loss import UnimodalLoss

__all__ = [
    'AGMLoss', 'BatchRecord', 'CMLLoss', 'DGLLoss', 'FusedLoss', 'LFMLoss',
    'MIMOLoss', 'ObjectiveTerm', 'QMFLoss', 'ReconBoostLoss', 'TCMaxLoss',
    'UnimodalLoss'
]
