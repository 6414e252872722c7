"""The import that failed behind "X is not in the registry".

MMEngine looks for a type with a dot in it by importing packages, and takes
a failed import for a type that does not exist; as in
https://github.com/open-mmlab/mmengine/issues/1035.
"""
from importlib import import_module
from typing import Optional

from mmengine.registry import DefaultScope


def import_failure(name: str) -> Optional[str]:
    """Repeat the imports that a type of a config asks for.

    Args:
        name (str): A scope and a name in its registry
            (``mmpretrain.ResNet``), an import path
            (``timm.models.resnet.ResNet``), or a name in the registry of
            the default scope.

    Returns:
        str: What could not be imported and why, or None where no import
        failed: the name itself is wrong.
    """
    *parents, last = name.split('.')
    scope = DefaultScope.get_current_instance()
    if not parents and scope is not None:
        parents = [scope.scope_name]
    path = ''
    try:
        for parent in parents:
            path = f'{path}.{parent}' if path else parent
            module = import_module(path)
        # Packages such as transformers import on access.
        if len(parents) == 1 and not hasattr(module, last):
            path = f'{path}.registry'
            import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            return f'{path} needs {error.name}, which is not installed'
        if path == parents[0]:
            return f'{path} is not installed'
    except Exception as error:
        return (f'{path} cannot be imported: {type(error).__name__}: '
                f'{str(error).strip()}')
    return None
