"""Several gradients, one update."""
from abc import abstractmethod
from typing import Dict, List

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from ...models.recognizers import MultimodalRecognizer
from ...models.wrappers import recognizer_of
from .per_loss import average_gradients, per_loss_gradients, scale_loss
from .train_step import Losses, TrainStep

Gradients = Dict[str, List[Tensor]]


class CombinedGradientStep(TrainStep):
    """Base of steps that combine the gradients of several losses.

    A subclass says which losses belong together (:meth:`group`) and how
    their gradients become one (:meth:`combine`): once per update, after they
    have been averaged over ranks. One forward, one backward pass per group.
    Under AMP all groups carry one loss scale, which :meth:`combine` must let
    pass: it is homogeneous of degree 1.
    """

    averages_gradients = True

    def __init__(self) -> None:
        self._waiting: Gradients = {}

    @abstractmethod
    def group(self, losses: Losses) -> Losses:
        """Sum losses, by name, into groups: a scalar each, of the same names
        on all ranks and in every batch."""

    @abstractmethod
    def combine(self, model: MultimodalRecognizer, names: List[str],
                gradients: Gradients) -> List[Tensor]:
        """One gradient of several, for each parameter.

        Args:
            model (MultimodalRecognizer): The bare model.
            names (list[str]): Names of the parameters that train.
            gradients (dict[str, list[Tensor]]): Of each group, averaged over
                ranks and summed over micro-batches, in the order of
                ``names``.
        """

    def update(self, model: nn.Module, losses: Losses,
               optim_wrapper: OptimWrapper) -> Dict[str, Tensor]:
        inner = recognizer_of(model)
        log_vars = inner.parse_losses(losses)[1]
        named = [(n, p) for n, p in inner.named_parameters()
                 if p.requires_grad]
        names, parameters = [n for n, _ in named], [p for _, p in named]
        scaled = {
            name: scale_loss(loss, optim_wrapper)
            for name, loss in self.group(losses).items()
        }
        for name, grads in per_loss_gradients(scaled, parameters).items():
            if name in self._waiting:
                torch._foreach_add_(self._waiting[name], grads)
            else:
                self._waiting[name] = grads
        # What OptimWrapper.backward does beside the backward pass.
        optim_wrapper._inner_count += 1
        if optim_wrapper.should_update():
            gradients = average_gradients(self._waiting)
            self._waiting = {}
            combined = self.combine(inner, names, gradients)
            if len(combined) != len(names):
                raise ValueError(
                    f'{type(self).__name__}.combine() gave {len(combined)} '
                    f'gradients for {len(names)} parameters')
            for parameter, grad in zip(parameters, combined):
                parameter.grad = grad
            optim_wrapper.step()
            optim_wrapper.zero_grad()
        return log_vars
