from .amp import to_amp
from .ogm_optim_wrapper import OGMAmpOptimWrapper, OGMOptimWrapper

__all__ = ['OGMAmpOptimWrapper', 'OGMOptimWrapper', 'to_amp']
