"""torchaudio's Python parts beside a torch its extension cannot load.

torchaudio 2.11 on the package index carries an extension built for CUDA and
does not pin a torch. Beside a CPU-only torch, ``import torchaudio`` raises
OSError, although the package supports running without its extension and the
spectrogram transforms never call it. The same symptom with another missing
library: https://github.com/pytorch/audio/issues/2525

The shim does not import torchaudio. It waits for the one module that loads
the extension and lets a failure there count as "no extension".
"""
import logging
import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Callable

from .errors import StackError
from .import_hook import hook_import
from .replaced import replace

UTILS = 'torchaudio._extension.utils'


def _tolerate_missing_libraries(module: Any) -> None:
    if not hasattr(module, '_load_lib'):
        return

    @replace(module, '_load_lib')
    def _load_lib(load: Callable, lib: str) -> bool:
        try:
            return load(lib)
        except OSError as error:
            # Not a warning: nothing here calls the extension, and what does
            # says so itself.
            logging.getLogger(__name__).info(
                'torchaudio runs without its extension: %s', error)
            return False


def _execute(run: Callable, module: ModuleType) -> None:
    run(module)
    _tolerate_missing_libraries(module)


def install() -> None:
    """Let ``import torchaudio`` survive an extension that cannot load."""
    hook_import(UTILS, _execute)
    if UTILS in sys.modules:
        # Left behind by an import that failed before the shim was there.
        _tolerate_missing_libraries(sys.modules[UTILS])


def import_torchaudio() -> ModuleType:
    """Import torchaudio, or say in one sentence why that is impossible.

    Returns:
        module: torchaudio, with or without its extension.

    Raises:
        StackError: torchaudio is missing, or does not fit the torch beside
            it.
    """
    install()
    import torch
    try:
        return import_module('torchaudio')
    except Exception as error:
        raise StackError(
            f'torchaudio cannot be imported beside torch {torch.__version__}'
            f' ({type(error).__name__}: {error}); install a torchaudio of '
            'the same release as torch, e.g. pip install '
            '"torchaudio>=2.6"') from error
