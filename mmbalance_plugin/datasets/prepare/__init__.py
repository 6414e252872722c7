"""Preparation of data sets: fetch, check, write plain arrays."""
from .errors import PreparationError, PreparedDataError, mend_command
from .run import PREPARERS, prepare
from .store import load_array

__all__ = [
    'PREPARERS', 'PreparationError', 'PreparedDataError', 'load_array',
    'mend_command', 'prepare'
]
