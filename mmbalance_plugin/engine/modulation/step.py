"""The order of a modulated update."""
import inspect
from types import MethodType
from typing import Any, Optional

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor

from .modulator import GradientModulator


def modulated_step(wrapper: OptimWrapper,
                   modulator: GradientModulator,
                   scaler: Any = None,
                   **kwargs) -> None:
    """Unscale, modulate, clip, step.

    Takes the place of ``OptimWrapper.step`` and ``AmpOptimWrapper.step``.
    Noise and norms do not commute with the loss scale, so the gradients are
    unscaled first, once an update. Where the scaler found an overflow it
    skips the step, and nothing is modulated.

    Args:
        wrapper (OptimWrapper): Whose optimiser steps and whose ``clip_grad``
            bounds what is stepped, noise included.
        modulator (GradientModulator): Bound to the model.
        scaler (GradScaler, optional): Of any device. Defaults to None, no
            loss scaling.
        kwargs: Passed to the optimiser's ``step``.
    """
    optimizer = wrapper.optimizer
    overflow = None
    if scaler is not None:
        scaler.unscale_(optimizer)
        overflow = _overflow(scaler, optimizer)
    modulator.modulate(_update_number(wrapper), overflow)
    if wrapper.clip_grad_kwargs:
        wrapper._clip_grad()
    if scaler is None:
        optimizer.step(**kwargs)
    else:
        scaler.step(optimizer, **kwargs)
        scaler.update(getattr(wrapper, '_scale_update_param', None))


def _update_number(wrapper: OptimWrapper) -> int:
    """Updates begun in this stage: the same however they are accumulated,
    and after a resume, which restores the count of iterations."""
    return -(-wrapper.inner_count // wrapper._accumulative_counts)


def _overflow(scaler: Any, optimizer) -> Optional[Tensor]:
    """Above 0 where unscaling met an inf or NaN; stays on the device."""
    if not scaler.is_enabled():
        return None
    found = list(scaler._found_inf_per_device(optimizer).values())
    if not found:
        return None
    return sum(value.to(found[0].device) for value in found).reshape(())


def attach_modulation(wrapper: OptimWrapper,
                      modulator: GradientModulator) -> None:
    """Give an existing optim wrapper the modulated step.

    MMEngine's schedules replace ``step`` on the instance by one that counts.
    They may be built before or after: steps are counted either way.

    Args:
        wrapper (OptimWrapper): An ``OptimWrapper`` or ``AmpOptimWrapper``,
            or a subclass that does not redefine ``step``. Its own options
            stay in force.
        modulator (GradientModulator): Used by this wrapper alone.

    Raises:
        TypeError: The wrapper has a step of its own, which this one would
            silently replace.
    """
    scalers = {OptimWrapper.step: None, AmpOptimWrapper.step: 'loss_scaler'}
    own = getattr(type(wrapper), 'step', None)
    patched = vars(wrapper).get('step', own)
    counted = hasattr(patched, '_with_counter')
    if own not in scalers or inspect.unwrap(patched) is not own:
        raise TypeError(
            f'OGMHook cannot modulate the step of {type(wrapper).__name__}, '
            'which has a step of its own: it works with OptimWrapper and '
            'AmpOptimWrapper, one optimiser, no other OGM. Change the type '
            'of optim_wrapper, or remove the hook')
    scaler = getattr(wrapper, scalers[own]) if scalers[own] else None

    def step(self, **kwargs):
        if counted:
            self._global_step += 1
        modulated_step(self, modulator, scaler, **kwargs)

    if counted:
        step._with_counter = True
    # A method, as schedules built later expect.
    wrapper.step = MethodType(step, wrapper)
