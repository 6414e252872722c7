"""Run one module of another package differently when it is imported."""
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Callable

Execute = Callable[[Callable[[ModuleType], None], ModuleType], None]


class _HookedLoader(Loader):

    def __init__(self, loader: Loader, execute: Execute) -> None:
        self.loader = loader
        self.execute = execute

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module) -> None:
        self.execute(self.loader.exec_module, module)

    def __getattr__(self, name):
        # get_source, get_filename, is_package ... for tracebacks and tools.
        return getattr(self.__dict__['loader'], name)


class _HookedFinder(MetaPathFinder):

    def __init__(self, name: str, execute: Execute) -> None:
        self.name = name
        self.execute = execute

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _HookedLoader(spec.loader, self.execute)
        return spec


def hook_import(name: str, execute: Execute) -> None:
    """Decide how a module is executed, without importing it now.

    Args:
        name (str): Full name of the module. Only its first hook counts.
        execute (Callable): Called in place of the module's own execution
            with two arguments: the function that executes it, and the
            module.
    """
    if not any(isinstance(finder, _HookedFinder) and finder.name == name
               for finder in sys.meta_path):
        sys.meta_path.insert(0, _HookedFinder(name, execute))
