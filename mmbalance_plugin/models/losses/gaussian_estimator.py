from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional, Tuple

import torch
from mmengine.registry import OPTIMIZERS
from torch import Tensor, nn

from mmbalance_plugin.functional import club_log_likelihood
from mmbalance_plugin.utils.dist import reduce_gradients


class GaussianEstimator(nn.Module):
    r"""CLUB's Q(y|x), a Gaussian with diagonal covariance, and its optimiser.

    Mean and log-variance are a Linear-ReLU-Linear network each, the latter
    with a Tanh at the end: the variance stays in :math:`[1/e, e]`.

    Its parameters require a gradient only inside of :meth:`fit`, which takes
    the gradients itself. Hence neither DDP nor an outer optimiser has to do
    with them, wherever the module is registered.

    Args:
        x_channels (int): Width of x.
        y_channels (int): Width of y.
        hidden_channels (int): Width of the hidden layers.
        optimizer (dict, optional): Config of the optimiser. Defaults to
            None, which is ``dict(type='Adam', lr=1e-3)``.

    Note:
        ``state_dict`` includes the optimiser's state.
    """

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int,
                 optimizer: Optional[dict] = None) -> None:
        super().__init__()
        self.mu = nn.Sequential(
            nn.Linear(x_channels, hidden_channels), nn.ReLU(),
            nn.Linear(hidden_channels, y_channels))
        self.logvar = nn.Sequential(
            nn.Linear(x_channels, hidden_channels), nn.ReLU(),
            nn.Linear(hidden_channels, y_channels), nn.Tanh())
        self.requires_grad_(False)
        self._optimizer = OPTIMIZERS.build(
            dict(
                optimizer or dict(type='Adam', lr=1e-3),
                params=list(self.parameters())))

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        """Mean and log-variance of y for x.

        Args:
            x (Tensor): Shape (N, x_channels).

        Returns:
            Tuple[Tensor, Tensor]: Both of shape (N, y_channels).
        """
        return self.mu(x), self.logvar(x)

    def fit(self, x: Tensor, y: Tensor, steps: int, weight: Tensor) -> None:
        """Raise the likelihood of the global batch.

        Args:
            x (Tensor): Local samples (N_local, x_channels), detached.
            y (Tensor): Local samples (N_local, y_channels), detached.
            steps (int): Optimiser steps, all on these samples.
            weight (Tensor | float): Of the local mean log-likelihood in the
                objective, which is the sum over ranks.
        """
        parameters = list(self.parameters())
        with self._trainable():
            for _ in range(steps):
                objective = -weight * club_log_likelihood(*self(x), y)
                # Not backward(): no hook of DDP or others must see these.
                grads = reduce_gradients(
                    torch.autograd.grad(objective, parameters), op='sum')
                for parameter, grad in zip(parameters, grads):
                    # Features may overflow under AMP, whose scaler then
                    # skips the step; Q must survive that, too.
                    parameter.grad = torch.nan_to_num(grad, 0., 0., 0.)
                self._optimizer.step()

    @contextmanager
    def _trainable(self) -> Iterator[None]:
        self.requires_grad_(True)
        try:
            with torch.enable_grad():
                yield
        finally:
            self.requires_grad_(False)
            self._optimizer.zero_grad(set_to_none=True)

    def get_extra_state(self) -> Dict[str, Any]:
        """The optimiser's state, for ``state_dict``."""
        return self._optimizer.state_dict()

    def set_extra_state(self, state: Dict[str, Any]) -> None:
        """Counterpart of :meth:`get_extra_state`."""
        self._optimizer.load_state_dict(state)

    def _apply(self, fn, *args, **kwargs):
        super()._apply(fn, *args, **kwargs)
        # Loading casts the optimiser's state to where the parameters are.
        self._optimizer.load_state_dict(self._optimizer.state_dict())
        return self
