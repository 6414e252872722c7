from .agm_loss import AGMLoss
from .best_teacher_loss import BestTeacherLoss
from .calibrated_loss import CalibratedLoss
from .cml_loss import CMLLoss
from .dgl_loss import DGLLoss
from .fused_loss import FusedLoss
from .g_blend import GBlend
from .lfm_loss import LFMLoss
from .mimo_loss import MIMOLoss
from .mutual_information_loss import MutualInformationLoss
from .pmr_loss import PMRLoss
from .qmf_loss import QMFLoss
from .reconboost_loss import ReconBoostLoss
from .record import BatchRecord
from .tcmax_loss import TCMaxLoss
from .term import ObjectiveTerm
from .umt_loss import UMTLoss
from .unimodal_loss import UnimodalLoss

__all__ = [
    'AGMLoss', 'BatchRecord', 'BestTeacherLoss', 'CMLLoss', 'CalibratedLoss',
    'DGLLoss', 'FusedLoss', 'GBlend', 'LFMLoss', 'MIMOLoss',
    'MutualInformationLoss', 'ObjectiveTerm', 'PMRLoss', 'QMFLoss',
    'ReconBoostLoss', 'TCMaxLoss', 'UMTLoss', 'UnimodalLoss'
]
