"""Check that MMAction2 and an mmcv it accepts are there.

``mmaction/__init__.py`` asserts mmcv < 2.2.0 although newer releases exist,
and neither mmcv nor mmcv-lite is a requirement of anything: both install
the import name ``mmcv``, so forcing one could overwrite the other.
https://github.com/open-mmlab/mmaction2/issues/2714
"""
from importlib import import_module
from types import ModuleType

from .errors import StackError

MMCV_HINT = ('MMAction2 1.2 needs an mmcv >= 2.0.0rc4 and < 2.2.0, full or '
             'lite. Without a full one of your own: '
             'pip install "mmbalance_plugin[mmcv-lite]"')
MMACTION_HINT = 'pip install "mmaction2>=1.2,<1.3"'


def check_stack() -> None:
    """Import mmcv and mmaction, or say what is wrong with them.

    Raises:
        StackError: One of them is missing, is of a version that the other
            refuses, or fails to import; with the command that mends it.
    """
    _require('mmcv', MMCV_HINT)
    _require('mmaction', f'{MMACTION_HINT}. {MMCV_HINT}')


def _require(name: str, hint: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise StackError(f'{name} is not installed. {hint}') from error
        raise StackError(f'{name} cannot be imported: it needs '
                         f'{error.name}, which is not installed') from error
    except Exception as error:
        # mmaction checks versions with assert, cv2 fails with ImportError.
        raise StackError(f'{name} cannot be imported: '
                         f'{type(error).__name__}: {error} {hint}') from error
