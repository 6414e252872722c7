from .base import MultimodalHead
from .branched_concat_head import BranchedConcatHead
from .concat_head import ConcatHead
from .decision_head import DecisionHead
from .mla_head import MLAHead
from .mlp_head import MLPHead
from .mmcosine_head import MMCosineHead
from .pairwise_heads import FiLMHead, GatedHead
from .qmf_head import QMFHead
from .sum_head import SumHead

__all__ = [
    'BranchedConcatHead', 'ConcatHead', 'DecisionHead', 'FiLMHead',
    'GatedHead', 'MLAHead', 'MLPHead', 'MMCosineHead', 'MultimodalHead',
    'QMFHead', 'SumHead'
]
