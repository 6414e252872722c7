from .base import MultimodalHead
from .branched_concat_head import BranchedConcatHead
from .concat_head import ConcatHead
from .decision_head import DecisionHead
from .film_head import FiLMHead
from .gated_head import GatedHead
from .mla_head import MLAHead
from .mlp_head import MLPHead
from .mmcosine_head import MMCosineHead
from .qmf_head import QMFHead
from .sum_head import SumHead

__all__ = [
    'BranchedConcatHead', 'ConcatHead', 'DecisionHead', 'FiLMHead',
    'GatedHead', 'MLAHead', 'MLPHead', 'MMCosineHead', 'MultimodalHead',
    'QMFHead', 'SumHead'
]
