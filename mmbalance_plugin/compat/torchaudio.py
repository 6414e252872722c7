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
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from types import ModuleType

from .errors import StackError

UTILS = 'torchaudio._extension.utils'


def _tolerate_missing_libraries(module: ModuleType) -> None:
    load = getattr(module, '_load_lib', None)
    if load is None or hasattr(load, '_mmbalance_original'):
        return

    def _load_lib(lib: str) -> bool:
        try:
            return load(lib)
        except OSError as error:
            # Not a warning: nothing here calls the extension, and what does
            # says so itself.
            logging.getLogger(__name__).info(
                'torchaudio runs without its extension: %s', error)
            return False

    _load_lib._mmbalance_original = load
    module._load_lib = _load_lib


class _TolerantLoader(Loader):

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module) -> None:
        self.loader.exec_module(module)
        _tolerate_missing_libraries(module)

    def __getattr__(self, name):
        # get_source, get_filename, is_package ... for tracebacks and tools.
        return getattr(self.__dict__['loader'], name)


class _TorchaudioFinder(MetaPathFinder):

    def find_spec(self, fullname, path=None, target=None):
        if fullname != UTILS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _TolerantLoader(spec.loader)
        return spec


def install_torchaudio_shim() -> None:
    """Let ``import torchaudio`` survive an extension that cannot load."""
    if not any(isinstance(f, _TorchaudioFinder) for f in sys.meta_path):
        sys.meta_path.insert(0, _TorchaudioFinder())
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
    install_torchaudio_shim()
    import torch
    try:
        return import_module('torchaudio')
    except Exception as error:
        raise StackError(
            f'torchaudio cannot be imported beside torch {torch.__version__}'
            f' ({type(error).__name__}: {error}); install a torchaudio of '
            'the same release as torch, e.g. pip install '
            '"torchaudio>=2.6"') from error
