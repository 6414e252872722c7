"""Models that wrap a recognizer."""
from .opm import OPM

__all__ = ['OPM']
