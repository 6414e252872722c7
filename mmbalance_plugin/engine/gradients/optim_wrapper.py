"""The optim wrapper of all gradient methods, and its AMP twin."""
import inspect
from typing import Any, Dict, Optional, Union

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from ...registry import OPTIM_WRAPPERS, TASK_UTILS
from .method import GradientMethod


def build_method(method: Union[dict, GradientMethod]) -> GradientMethod:
    """A method, from its config or as it is."""
    return TASK_UTILS.build(method) if isinstance(method, dict) else method


class _Modulated(OptimWrapper):
    """What both wrappers add to MMEngine's."""

    method_type: Optional[type] = None
    """type | None: For subclasses that stand for one method: its class,
    whose options are then the wrapper's own."""

    def __init__(self,
                 *args,
                 method: Union[dict, GradientMethod, None] = None,
                 **kwargs) -> None:
        if self.method_type is not None:
            known = inspect.signature(self.method_type).parameters
            method = self.method_type(
                **{k: kwargs.pop(k) for k in known if k in kwargs})
        if method is None:
            raise TypeError(f'{type(self).__name__} needs a method, such as '
                            "method=dict(type='mmbalance_plugin.OGM', ...)")
        self.method = build_method(method)
        super().__init__(*args, **kwargs)

    def initialize_count_status(self, model: nn.Module, init_counts: int,
                                max_counts: int) -> None:
        """Also bind the method to the model.

        The Runner calls this before training, :class:`StagedTrainLoop` at
        the start of every stage.
        """
        super().initialize_count_status(model, init_counts, max_counts)
        self.method.start(model)

    def state_dict(self) -> Dict[str, Any]:
        state = super().state_dict()
        if own := self.method.state_dict():
            state['method'] = own
        return state

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        state = dict(state_dict)
        own = state.pop('method', None)
        super().load_state_dict(state)
        if own:
            self.method.load_state_dict(own)

    def step(self, **kwargs) -> None:
        """See :func:`modulated_step`."""
        modulated_step(self, self.method, getattr(self, 'loss_scaler', None),
                       **kwargs)


@OPTIM_WRAPPERS.register_module()
class GradientOptimWrapper(_Modulated):
    """``OptimWrapper`` whose gradients a :class:`GradientMethod` changes.

    Args:
        method (dict | GradientMethod): The method, or its config.
        kwargs: Those of ``OptimWrapper``: ``optimizer``, ``clip_grad``,
            ``accumulative_counts``.

    Note:
        Epochs are those of the running stage. MMEngine's
        ``IterBasedTrainLoop`` counts none: all of it is epoch 0.
    """


@OPTIM_WRAPPERS.register_module()
class GradientAmpOptimWrapper(_Modulated, AmpOptimWrapper):
    """:class:`GradientOptimWrapper` in mixed precision.

    ``tools/train.py --amp`` turns the plain wrapper into this one.

    Args:
        method (dict | GradientMethod): The method, or its config.
        kwargs: Those of ``AmpOptimWrapper``: ``loss_scale``, ``dtype``, and
            of ``OptimWrapper``.
    """


def modulated_step(wrapper: OptimWrapper,
                   method: GradientMethod,
                   scaler: Any = None,
                   **kwargs) -> None:
    """Unscale, modulate, clip, step.

    Takes the place of ``OptimWrapper.step`` and ``AmpOptimWrapper.step``.
    Noise and norms do not commute with the loss scale, so the gradients are
    unscaled first, once an update. Where the scaler found an overflow it
    skips the step, and nothing is modulated.

    Args:
        wrapper (OptimWrapper): Whose optimiser steps and whose ``clip_grad``
            bounds what is stepped.
        method (GradientMethod): Bound to the model.
        scaler (GradScaler, optional): Of any device. Defaults to None, no
            loss scaling.
        kwargs: Passed to the optimiser's ``step``.
    """
    optimizer = wrapper.optimizer
    overflow = None
    if scaler is not None:
        scaler.unscale_(optimizer)
        overflow = _overflow(scaler, optimizer)
    # Updates begun in this stage: the same however they are accumulated, and
    # after a resume, which restores the count of iterations.
    method.apply(-(-wrapper.inner_count // wrapper._accumulative_counts),
                 overflow)
    if wrapper.clip_grad_kwargs:
        wrapper._clip_grad()
    if scaler is None:
        optimizer.step(**kwargs)
    else:
        scaler.step(optimizer, **kwargs)
        scaler.update(getattr(wrapper, '_scale_update_param', None))


def _overflow(scaler: Any, optimizer) -> Optional[Tensor]:
    """Above 0 where unscaling met an inf or NaN; stays on the device."""
    if not scaler.is_enabled():
        return None
    found = list(scaler._found_inf_per_device(optimizer).values())
    if not found:
        return None
    return sum(value.to(found[0].device) for value in found).reshape(())
