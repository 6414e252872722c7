"""Shims that make the installed OpenMMLab stack work as published.

One shim a module. Each acts only where a feature test says that it is
needed, names the upstream report it answers, and is covered by a test that
fails when the shim is taken away too early.

Importing :mod:`mmbalance_plugin.registry` applies them all.
"""
from .checkpoint import install_checkpoint_shim
from .cpu_distributed import install_cpu_distributed_shim
from .drn import install_drn_stub
from .errors import StackError, UnsafeCheckpointError
from .stack import check_stack
from .torchaudio import import_torchaudio, install_torchaudio_shim


def apply_shims() -> None:
    """Check the stack and put every needed shim in place.

    Safe to call more than once.

    Raises:
        StackError: A package of the stack is missing or unusable.
    """
    check_stack()
    install_drn_stub()
    install_checkpoint_shim()
    install_torchaudio_shim()
    install_cpu_distributed_shim()


__all__ = [
    'StackError', 'UnsafeCheckpointError', 'apply_shims', 'check_stack',
    'import_torchaudio'
]
