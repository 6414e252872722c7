"""Models. Importing this package registers all of them."""
# First of all: without the shims MMAction2's models do not import.
import mmbalance_plugin.registry  # noqa: F401

from . import (
    backbones,
    blending,
    data_preprocessors,
    encoders,
    heads,
    losses,
    recognizers,
    wrappers,
)

__all__ = [
    'backbones', 'blending', 'data_preprocessors', 'encoders', 'heads',
    'losses', 'recognizers', 'wrappers'
]
