"""Models. Importing this package registers all of them."""
from . import data_preprocessors, encoders, heads, recognizers

__all__ = ['data_preprocessors', 'encoders', 'heads', 'recognizers']
