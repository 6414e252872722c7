"""``load_from`` and resume refuse what does not fit.

``Runner.load_checkpoint`` can be strict, but the runner never asks for it:
layers that are missing from a file, or have another shape there, keep their
random weights and training goes on after a warning.

Here a run with a model or loop of this package ends instead, before anything
is written. ``load_strict=False`` in the config brings MMEngine's behaviour
back for ``load_from``, and True, which our tools set, asks it of any model; a
resume is never partial. The check comes after all hooks and key revisions,
on what would really be loaded.

A file that ``init_cfg`` or ``pretrained`` gives to a part of our models may
fit in part, as one of a backbone does. One that fits nothing is refused: its
names have a prefix that nobody has told of.
"""
import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Callable, Iterator, Optional

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import runner as mmengine_runner

from .replaced import replace

_strict_path: ContextVar[Optional[str]] = ContextVar(
    'strict_path', default=None)
_initialising: ContextVar[bool] = ContextVar('initialising', default=False)


@contextmanager
def useful_files_only() -> Iterator[None]:
    """Refuse files of which no weight fits, in this block."""
    token = _initialising.set(True)
    try:
        yield
    finally:
        _initialising.reset(token)


def install() -> None:
    """Let the runner refuse weights that do not fit our models."""

    @replace(Runner, 'load_checkpoint')
    def load_checkpoint(load: Callable, self, filename: str, *args, **kwargs):
        token = _strict_path.set(filename if _is_strict(self) else None)
        try:
            return load(self, filename, *args, **kwargs)
        finally:
            _strict_path.reset(token)

    @replace(mmengine_runner, '_load_checkpoint_to_model')
    def load_checkpoint_to_model(to_model: Callable, model, checkpoint: dict,
                                 strict=False, logger: Any = None,
                                 revise_keys=()):
        path = _strict_path.get()
        if path is not None:
            from ..utils.fit import refuse_misfit
            weights = checkpoint.get('state_dict', checkpoint)
            for pattern, replacement in revise_keys:
                weights = {re.sub(pattern, replacement, key): value
                           for key, value in weights.items()}
            refuse_misfit(model.state_dict(), weights, path)
        # To the log file too, and not to the screen alone.
        return to_model(model, checkpoint, strict, logger or 'current',
                        revise_keys)

    @replace(mmengine_checkpoint, 'load_state_dict')
    def load_state_dict(load_state: Callable, module, state_dict: dict, *args,
                        **kwargs):
        if _initialising.get():
            from ..utils.fit import refuse_useless
            refuse_useless(module, state_dict)
        return load_state(module, state_dict, *args, **kwargs)


def _is_strict(runner: Runner) -> bool:
    model = runner.model.module if is_model_wrapper(runner.model) else \
        runner.model
    ours = hasattr(model, 'modalities') or hasattr(runner._train_loop,
                                                   'stages')
    wanted = runner.cfg.get('load_strict')
    if runner._resume:
        return ours or wanted is not None
    return ours if wanted is None else bool(wanted)
