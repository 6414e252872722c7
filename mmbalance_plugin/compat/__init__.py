"""Shims that make the installed OpenMMLab stack work as published.

One shim a module. Each acts only where a feature test says that it is
needed, names the upstream report it answers, and is covered by a test that
fails when the shim is taken away too early.

Importing :mod:`mmbalance_plugin.registry` applies them all. Importing this
package applies none and loads nothing heavy, so that the command line can
read a config and refuse it within a second.
"""
from importlib import import_module

from .errors import (
    CheckpointError,
    DamagedCheckpointError,
    StackError,
    UnsafeCheckpointError,
)
from .imports import import_failure
from .last_checkpoint import POINTER, find_latest_checkpoint, pointer_to
from .stack import check_stack
from .torchaudio import import_torchaudio

SHIMS = ('drn', 'multimodal', 'config_packages', 'checkpoint', 'config_text',
         'pretty_text', 'history', 'last_checkpoint', 'strict_loading',
         'optimizer_counters', 'loader_options', 'torchaudio',
         'cpu_distributed')


def apply_shims() -> None:
    """Check the stack and put every needed shim in place.

    Safe to call more than once.

    Raises:
        StackError: A package of the stack is missing or unusable.
    """
    check_stack()
    for name in SHIMS:
        try:
            # Here and not above: they import torch and MMEngine's runner.
            shim = import_module(f'{__name__}.{name}')
        except ImportError as error:
            # MMEngine swallows those: "X is not in the registry".
            raise StackError('the installed stack cannot be imported: '
                             f'{type(error).__name__}: {error}') from error
        shim.install()


__all__ = [
    'POINTER', 'CheckpointError', 'DamagedCheckpointError', 'StackError',
    'UnsafeCheckpointError', 'apply_shims', 'check_stack',
    'find_latest_checkpoint', 'import_failure', 'import_torchaudio',
    'pointer_to'
]
