"""Shims that make the installed OpenMMLab stack work as published.

One shim a module. Each acts only where a feature test says that it is
needed, names the upstream report it answers, and is covered by a test that
fails when the shim is taken away too early.

Importing :mod:`mmbalance_plugin.registry` applies them all. Importing this
package applies none and loads nothing heavy, so that the command line can
read a config and refuse it within a second.
"""
from .errors import (
    CheckpointError,
    DamagedCheckpointError,
    StackError,
    UnsafeCheckpointError,
)
from .imports import import_failure
from .last_checkpoint import POINTER, find_latest_checkpoint, pointer_to
from .stack import check_stack
from .torchaudio import import_torchaudio, install_torchaudio_shim


def apply_shims() -> None:
    """Check the stack and put every needed shim in place.

    Safe to call more than once.

    Raises:
        StackError: A package of the stack is missing or unusable.
    """
    check_stack()
    try:
        # Here and not above: they import torch and MMEngine's runner.
        from .checkpoint import install_checkpoint_shim
        from .config_packages import install_config_packages_shim
        from .config_text import install_config_text_shim
        from .cpu_distributed import install_cpu_distributed_shim
        from .drn import install_drn_stub
        from .history import install_history_shim
        from .last_checkpoint import install_last_checkpoint_shim
        from .loader_options import install_loader_options_shim
        from .multimodal import install_multimodal_shim
        from .optimizer_counters import install_optimizer_counters_shim
        from .pretty_text import install_pretty_text_shim
        from .strict_loading import install_strict_loading_shim
    except ImportError as error:
        # MMEngine swallows those: "X is not in the registry".
        raise StackError('the installed stack cannot be imported: '
                         f'{type(error).__name__}: {error}') from error
    install_drn_stub()
    install_multimodal_shim()
    install_config_packages_shim()
    install_checkpoint_shim()
    install_config_text_shim()
    install_pretty_text_shim()
    install_history_shim()
    install_last_checkpoint_shim()
    install_strict_loading_shim()
    install_optimizer_counters_shim()
    install_loader_options_shim()
    install_torchaudio_shim()
    install_cpu_distributed_shim()


__all__ = [
    'POINTER', 'CheckpointError', 'DamagedCheckpointError', 'StackError',
    'UnsafeCheckpointError', 'apply_shims', 'check_stack',
    'find_latest_checkpoint', 'import_failure', 'import_torchaudio',
    'pointer_to'
]
