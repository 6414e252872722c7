"""MMAction2's models beside a transformers that its VindLU cannot use.

With transformers installed, ``mmaction.models`` imports its multimodal part,
written for 4.28 (https://github.com/open-mmlab/mmaction2/pull/2667). That
asks ``transformers.modeling_utils`` for functions which moved
(https://github.com/huggingface/transformers/pull/16625) and are gone from
there since, and then not one model of MMAction2 can be imported.

The part is imported as ever. Only where that fails are its models replaced
by placeholders that say why, as MMAction2 itself does where transformers is
absent.
"""
import logging
from types import ModuleType
from typing import Callable

from .errors import StackError
from .import_hook import hook_import

PACKAGE = 'mmaction.models.multimodal'
MODELS = ('VindLUVQA', 'VindLURetrievalMC', 'VindLURetrieval')


def install() -> None:
    """Let ``mmaction.models`` survive an unusable transformers."""
    hook_import(PACKAGE, _execute)


def _execute(run: Callable, module: ModuleType) -> None:
    try:
        run(module)
    except Exception as error:
        # RuntimeError, too: transformers imports its parts lazily.
        reason = f'{type(error).__name__}: {error}'
        logging.getLogger(__name__).info(
            '%s is left out: %s', PACKAGE, reason)
        _register_placeholders(reason)


def _register_placeholders(reason: str) -> None:
    from mmaction.registry import MODELS as registry

    def refuse(*args, **kwargs):
        raise StackError('the multimodal models of the installed mmaction2 '
                         'cannot be used beside the installed transformers: '
                         f'{reason}')

    for name in MODELS:
        registry.register_module(name=name, module=refuse, force=True)
