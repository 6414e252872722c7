"""Methods that change gradients, and what they enter the update through."""
from .amp import to_amp
from .coefficients import CoefficientMethod
from .enhancement import GeneralizationEnhancement
from .hook import GradientHook
from .inforeg import InfoReg
from .method import GradientMethod, Update
from .mlb import MLB
from .ogm import OGM, OGMAmpOptimWrapper, OGMHook, OGMOptimWrapper
from .optim_wrapper import (
    GradientAmpOptimWrapper,
    GradientOptimWrapper,
    modulated_step,
)
from .weights import modality_weights

__all__ = [
    'CoefficientMethod', 'GeneralizationEnhancement',
    'GradientAmpOptimWrapper', 'GradientHook', 'GradientMethod',
    'GradientOptimWrapper', 'InfoReg', 'MLB', 'OGM', 'OGMAmpOptimWrapper',
    'OGMHook', 'OGMOptimWrapper', 'Update', 'modality_weights',
    'modulated_step', 'to_amp'
]
