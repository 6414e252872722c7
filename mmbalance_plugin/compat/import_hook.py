"""Run one module of another package differently when it is imported."""
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, Callable

Execute = Callable[[Callable[[ModuleType], None], ModuleType], None]


class _HookedFinder(MetaPathFinder):

    def __init__(self, name: str, execute: Execute) -> None:
        self.name = name
        self.execute = execute

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        loader: Any = None if spec is None else spec.loader
        if loader is not None:
            # On the loader itself, which tracebacks and tools ask as well.
            run = loader.exec_module
            loader.exec_module = lambda module: self.execute(run, module)
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
