from .split_losses import split_losses
from .term import FUSED, GBlend

__all__ = ['FUSED', 'GBlend', 'split_losses']
