"""Who trains the model on a batch."""
import functools
import operator
from collections import OrderedDict
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional, Tuple

from mmengine.model import BaseModel
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

_PLAIN = dict(type='mmbalance_plugin.TrainStep')


class Stepping(BaseModel):
    """The training step of :class:`MultimodalRecognizer`.

    Attributes:
        step (TrainStep): What happens with a batch.
    """

    def _init_step(self, step: Optional[dict]) -> None:
        self.step = MODELS.build(step or _PLAIN)
        self._bypassable = type(self.step) is MODELS.get(_PLAIN['type'])
        self._stepping = False

    def train_step(self, data: dict, optim_wrapper) -> Dict[str, Tensor]:
        """Train on a batch, as :attr:`step` does."""
        return self.step(self, data, optim_wrapper)

    def parse_losses(
            self,
            losses: Dict[str, Any]) -> Tuple[Tensor, Dict[str, Tensor]]:
        """Sum the losses, as MMEngine's models do.

        Args:
            losses (dict[str, Tensor]): By name.

        Returns:
            tuple: The sum of those whose name holds 'loss', and what is
            logged: the sum, and each by its name.
        """
        total = [v for name, v in losses.items() if 'loss' in name]
        if not total or any(
                getattr(v, 'ndim', 1) for v in losses.values()):
            return super().parse_losses(losses)
        # Nothing to average: each operation on a number costs the step two.
        loss = functools.reduce(operator.add, total)
        return loss, OrderedDict([('loss', loss), *losses.items()])

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """For the step: losses may be asked for in this block."""
        before, self._stepping = self._stepping, True
        try:
            yield
        finally:
            self._stepping = before

    def _check_stepping(self) -> None:
        """Stop where a wrapper trains by a step of its own.

        Raises:
            RuntimeError: The losses of a training batch are asked for by
                somebody else than the step, which would then have no effect.
        """
        if not (self._stepping or self._bypassable) and self.training:
            raise RuntimeError(
                f'{type(self.step).__name__} is not called: whoever wraps '
                'the model runs a training step of its own. Set '
                "model_wrapper_cfg=dict(type='mmbalance_plugin."
                "MultimodalDistributedDataParallel') in the config")


def check_train_step(model: nn.Module, wrapper: str) -> None:
    """Refuse a training step that a wrapper would bypass.

    Args:
        model (nn.Module): What is wrapped.
        wrapper (str): The wrapper's name, for the message.

    Raises:
        TypeError: The model's class has a ``train_step`` of its own.
    """
    own = getattr(type(model), 'train_step', Stepping.train_step)
    if own is not Stepping.train_step:
        raise TypeError(
            f'{type(model).__name__} has a train_step of its own, which '
            f'{wrapper} would bypass: write it as a TrainStep and name it in '
            "the model's key step")
