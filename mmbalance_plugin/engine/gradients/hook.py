"""A gradient method beside an optim wrapper of the user's own."""
import inspect
from types import MethodType
from typing import Union

from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from ...registry import HOOKS
from .method import GradientMethod
from .optim_wrapper import build_method, modulated_step

_STATE_KEY = 'gradient_methods'
_AMP = {OptimWrapper.step: False, AmpOptimWrapper.step: True}


@HOOKS.register_module()
class GradientHook(Hook):
    """Change gradients without a change to ``optim_wrapper``.

    The same as :class:`GradientOptimWrapper`, bit for bit, given to whatever
    ``OptimWrapper`` or ``AmpOptimWrapper`` the config builds, with its own
    clipping, accumulation, mixed precision and schedules. A stage that builds
    its optimiser anew is modulated again.

    Args:
        method (dict | GradientMethod): The method, or its config.

    Raises:
        TypeError: When training starts, if the optim wrapper has a step of
            its own that cannot be replaced, or if it modulates already.
    """

    def __init__(self, method: Union[dict, GradientMethod]) -> None:
        self.method = build_method(method)
        self._attached = None

    def before_stage(self, runner, stage=None) -> None:
        self._attach(runner)

    def before_train_epoch(self, runner) -> None:
        self._attach(runner)  # for loops without stages

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if own := self.method.state_dict():
            checkpoint.setdefault(_STATE_KEY, {})[self.method.name] = own

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        own = checkpoint.get(_STATE_KEY, {}).get(self.method.name)
        if runner._resume and own:
            self.method.load_state_dict(own)

    def _attach(self, runner) -> None:
        if runner.optim_wrapper is self._attached:
            return
        _replace_step(runner.optim_wrapper, self)
        self.method.start(runner.model)
        self._attached = runner.optim_wrapper


def _replace_step(wrapper: OptimWrapper, hook: GradientHook) -> None:
    """Give an existing optim wrapper the modulated step.

    MMEngine's schedules replace ``step`` on the instance by one that counts.
    They may be built before or after: steps are counted either way.
    """
    own = getattr(type(wrapper), 'step', None)
    patched = vars(wrapper).get('step', own)
    counted = hasattr(patched, '_with_counter')
    if own is None or own not in _AMP or inspect.unwrap(patched) is not own:
        raise TypeError(
            f'{type(hook).__name__} cannot modulate the step of '
            f'{type(wrapper).__name__}, which has a step of its own: it works '
            'with OptimWrapper and AmpOptimWrapper, one optimiser, no other '
            f'{hook.method.name}. Change the type of optim_wrapper, or remove '
            'the hook')
    scaler = wrapper.loss_scaler if _AMP[own] else None

    def step(self, **kwargs):
        if counted:
            self._global_step += 1
        modulated_step(self, hook.method, scaler, **kwargs)

    if counted:
        vars(step)['_with_counter'] = True
    # A method, as schedules built later expect.
    wrapper.step = MethodType(step, wrapper)
