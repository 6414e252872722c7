"""Configs that inherit from an installed package.

``_base_ = ['mmaction::...']`` and ``read_base`` of a package make MMEngine
look the package up through ``pkg_resources``, which setuptools dropped in
its release 82. Answered upstream, not released:
https://github.com/open-mmlab/mmengine/pull/1676. Where ``pkg_resources`` is
absent, the three functions that use it are replaced; a stand-in module of
that name would mislead every other package that looks for it.

``mmbalance_plugin::...`` needs a second thing: MMEngine knows the packages of
OpenMMLab by a fixed list, and their configs only as copies inside the wheel.
Here the name may be any that :func:`~mmbalance_plugin.shipped.find_config`
finds, in a checkout, too. Types keep their prefixes, so no scope is set.
"""
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Callable, Optional, Tuple

from mmengine.config import Config
from mmengine.utils import package_utils

from mmbalance_plugin.shipped import find_config

from .replaced import replace

OWN = 'mmbalance_plugin::'


def install() -> None:
    """Let a config inherit from installed packages, and from this one."""
    if util.find_spec('pkg_resources') is None:
        for function in (is_installed, get_installed_path, package2module):
            _replace(function)

    @replace(Config, '_get_cfg_path')
    def _get_cfg_path(original: Callable, cfg_path: str,
                      filename: str) -> Tuple[str, Optional[str]]:
        if cfg_path.startswith(OWN):
            return str(find_config(cfg_path[len(OWN):], shipped=True)), None
        return original(cfg_path, filename)


def _replace(function) -> None:
    """Put a function wherever MMEngine has imported its own."""
    name = function.__name__
    original = getattr(package_utils, name)
    for module in list(sys.modules.values()):
        if (getattr(module, '__name__', '').startswith('mmengine.')
                or module is sys.modules['mmengine']):
            if vars(module).get(name) is original:
                setattr(module, name, function)


def is_installed(package: str) -> bool:
    """Whether a package is there, by its name on the index or of import."""
    try:
        metadata.distribution(package)
        return True
    except metadata.PackageNotFoundError:
        spec = util.find_spec(package)
        return spec is not None and spec.origin is not None


def get_installed_path(package: str) -> str:
    """Folder of a package, by its name on the index or of import.

    Raises:
        PackageNotFoundError: There is no such package.
        RuntimeError: It has no one folder: a namespace package.
    """
    name = package if util.find_spec(package) else package2module(package)
    spec = util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f'{package} has no folder to look for configs in')
    return str(Path(spec.origin).parent)


def package2module(package: str) -> str:
    """Name to import of a package of the index.

    Raises:
        ValueError: The package does not say.
    """
    names = metadata.distribution(package).read_text('top_level.txt')
    if not names:
        raise ValueError(f'can not infer the module name of {package}')
    return names.split('\n')[0]
