"""Stand-in for the sub-package that MMAction2's release forgot.

mmaction2 1.2.0 ships without ``mmaction/models/localizers/drn``, so that
``import mmaction.models`` fails:
https://github.com/open-mmlab/mmaction2/issues/2714 (fix never merged:
https://github.com/open-mmlab/mmaction2/pull/2721).

The stand-in comes from a finder at the very end of ``sys.meta_path``, which
Python asks only once nobody else has the module. Wherever the real
sub-package exists, it is used.
"""
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

PACKAGE = 'mmaction.models.localizers.drn'
MODULE = f'{PACKAGE}.drn'


class _MissingDRN:
    """Name that ``mmaction.models.localizers`` imports; cannot be built."""

    def __init__(self, *args, **kwargs) -> None:
        raise NotImplementedError(
            'DRN is missing from the installed mmaction2 '
            '(https://github.com/open-mmlab/mmaction2/issues/2714); install '
            'mmaction2 from its repository to use it')


class _DRNFinder(MetaPathFinder, Loader):

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in (PACKAGE, MODULE):
            return None
        return ModuleSpec(fullname, self, is_package=fullname == PACKAGE)

    def create_module(self, spec):
        return None

    def exec_module(self, module) -> None:
        if module.__name__ == MODULE:
            module.DRN = _MissingDRN


def install() -> None:
    """Serve a stand-in for ``drn`` where the real one is absent."""
    if not any(isinstance(finder, _DRNFinder) for finder in sys.meta_path):
        sys.meta_path.append(_DRNFinder())
