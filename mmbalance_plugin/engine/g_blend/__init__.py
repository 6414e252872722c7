from .split_losses import split_losses, training_and_held_out
from .term import FUSED, GBlend

__all__ = ['FUSED', 'GBlend', 'split_losses', 'training_and_held_out']
