"""OGM's core, shared by its two front ends."""
from .enhancement import GeneralizationEnhancement
from .modulator import GradientModulator
from .parameters import modality_weights
from .step import attach_modulation, modulated_step

__all__ = [
    'GeneralizationEnhancement', 'GradientModulator', 'attach_modulation',
    'modality_weights', 'modulated_step'
]
