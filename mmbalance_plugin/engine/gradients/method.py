"""A change to the gradients of each update, as an object."""
import logging
from abc import ABCMeta, abstractmethod
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

import torch
from mmengine.logging import MessageHub, print_log
from torch import Tensor, nn

from ...models.label_kinds import check_label_kinds
from ...models.recognizers import MultimodalRecognizer
from ...models.wrappers import recognizer_of
from ...utils.deferred_scalars import DeferredScalars, per_modality
from ...utils.eager import eager
from ...utils.run_state import current_epoch
from ..support import require_wrapper

Logged = Dict[str, Dict[str, Tensor]]


class Update(NamedTuple):
    """What a method may know of the update whose gradients it changes.

    Args:
        number (int): Of the update in its stage, from 1. It is the same
            after a resume and on all ranks.
        active (bool): Whether the running epoch is modulated.
        overflow (Tensor, optional): Above 0 where an AMP scaler found a
            gradient that is not finite and will skip the step; 0-d, on the
            device. None without loss scaling.
    """
    number: int
    active: bool
    overflow: Optional[Tensor] = None

    def unless_skipped(self, value: Tensor, otherwise: float) -> Tensor:
        """``value``, or a constant where the step will be skipped."""
        if self.overflow is None:
            return value
        skipped = self.overflow.to(value.device) > 0
        # Not a product: what comes of such a gradient may be NaN.
        return torch.where(skipped, otherwise, value)


class GradientMethod(metaclass=ABCMeta):
    """Base of the methods that change gradients, one object per optimiser.

    A subclass says what changes, in :meth:`modulate`; if it needs something
    of the model, it takes it in :meth:`bind`. It is registered in
    ``TASK_UTILS`` and named as ``method`` of :class:`GradientOptimWrapper` or
    :class:`GradientHook`, which decide when it is called: with the
    gradients of the whole update, accumulated, averaged over ranks and
    unscaled, before they are clipped.

    Args:
        start_epoch (int): First modulated epoch of a stage, counted from 0.
            Defaults to 0.
        end_epoch (int, optional): Last modulated epoch, inclusive. Defaults
            to None, no end.
        log_interval (int): Updates between two copies of the diagnostics to
            the host. Defaults to 10.

    Attributes:
        model (nn.Module): The model, without wrappers, once there is one.
        last (dict[str, dict[str, Tensor]]): What :meth:`modulate` returned
            for the latest update.

    Raises:
        ValueError: The epochs are in the wrong order.
    """

    model: MultimodalRecognizer

    label_kinds: Tuple[str, ...] = ()
    """tuple[str]: See :func:`~mmbalance_plugin.models.label_kinds.\
check_label_kinds`."""

    def __init__(self,
                 start_epoch: int = 0,
                 end_epoch: Optional[int] = None,
                 log_interval: int = 10) -> None:
        if end_epoch is not None and end_epoch < start_epoch:
            raise ValueError(f'end_epoch={end_epoch} comes before '
                             f'start_epoch={start_epoch}: nothing would ever '
                             'be modulated')
        self.start_epoch = start_epoch
        self.end_epoch = end_epoch
        self.log = DeferredScalars(log_interval)
        self.last: Logged = {}
        self._announced = ''
        self._schedule_checked = False

    # ---- what a method says --------------------------------------------
    def bind(self, model: nn.Module) -> None:
        """Take up a model, or the same one in another stage.

        Called on every rank before training, and again whenever another part
        of the model trains. Extended by methods that need more of it.

        Args:
            model (nn.Module): Perhaps inside DDP.
        """
        require_wrapper(model, self.name)
        self.model = recognizer_of(model)
        check_label_kinds(self.model, self)
        self.last = {}

    @abstractmethod
    def modulate(self, update: Update) -> Logged:
        """Change the gradients of one update, in place.

        Called without gradient tracking, also in epochs that are not to be
        modulated, so that they can be watched. Must neither copy to the
        host nor differ between ranks.

        Args:
            update (Update): Which one, and whether it is to be changed.

        Returns:
            dict[str, dict[str, Tensor]]: What to log, scalars on the device,
            by what they are (a plural) and modality.
        """

    def when(self, epoch: int) -> bool:
        """Whether an epoch of the stage, counted from 0, is modulated."""
        return self.start_epoch <= epoch and (self.end_epoch is None
                                              or epoch <= self.end_epoch)

    def describe(self) -> str:
        """The method's plan for the stage, for the log."""
        end = 'the end' if self.end_epoch is None else \
            f'epoch {self.end_epoch}'
        return (f'modulates epoch {self.start_epoch} to {end} (counted from '
                '0, inclusive)')

    def state_dict(self) -> Dict[str, Any]:
        """Plain data and tensors that a resumed run needs, if any."""
        return {}

    def load_state_dict(  # noqa: B027, most have none
            self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave, unless it was empty.

        Called before or after :meth:`bind`.
        """

    # ---- what stands between it and the optimiser ----------------------
    @property
    def name(self) -> str:
        """str: Shown in messages, and in lower case before what is logged.
        """
        return type(self).__name__

    @property
    def idle(self) -> bool:
        """bool: Whether the stage has no fused prediction to balance."""
        return not getattr(self.model, 'fuses', True)

    def start(self, model: nn.Module) -> None:
        """Bind to a model and say so, unless that was said already."""
        self.bind(model)
        text = f'{self.name} {self.describe()}'
        if self.idle:
            self.log.clear(f'{self.name.lower()}_')
            text = (f'{self.name}: a stage with a unimodal objective is not '
                    'modulated')
        if text != self._announced:
            print_log(text, 'current')
        self._announced = text

    @eager
    @torch.no_grad()
    def apply(self, number: int, overflow: Optional[Tensor] = None) -> None:
        """Modulate one update, see :class:`Update`, and log it.

        Raises:
            RuntimeError: :meth:`start` was not called.
        """
        if not hasattr(self, 'model'):
            raise RuntimeError(
                f"{self.name} knows no model yet: call the optim wrapper's "
                'initialize_count_status(model, ...) before training, as '
                'the Runner does')
        if self.idle:
            return
        self._check_schedule()
        self.last = self.modulate(
            Update(number, self.when(current_epoch()), overflow))
        self.log.add(per_modality(**{
            f'{self.name.lower()}_{kind[:-1]}': values
            for kind, values in self.last.items()
        }))

    def _check_schedule(self) -> None:
        """Warn, once, where no epoch of the run will be modulated."""
        if self._schedule_checked:
            return
        self._schedule_checked = True
        epochs = MessageHub.get_current_instance().runtime_info.get(
            'max_epochs')
        if epochs is not None and self.start_epoch >= epochs:
            print_log(
                f'{self.name}: start_epoch={self.start_epoch} is counted from '
                f'0, and the run has {epochs} epochs (iteration-based loops '
                'count one), so nothing will ever be modulated; set a lower '
                'start_epoch', 'current', logging.WARNING)
