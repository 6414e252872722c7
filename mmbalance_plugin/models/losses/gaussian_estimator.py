import copy
from typing import Any, Dict, List, Optional, Tuple

import torch
from mmengine import dist
from mmengine.registry import OPTIMIZERS
from torch import Tensor, nn
from torch.nn import functional as F

from mmbalance_plugin.functional import club_log_likelihood_gradients
from mmbalance_plugin.utils.optimiser_state import counters_to_host


class GaussianEstimator(nn.Module):
    r"""CLUB's Q(y|x), a Gaussian with diagonal covariance, and its optimiser.

    Mean and log-variance are a Linear-ReLU-Linear network each, the latter
    with a Tanh at the end: the variance stays in :math:`[1/e, e]`. Both are
    evaluated as one, and all their weights are one flat parameter: a step of
    the optimiser costs a few operations, and one collective.

    The parameter never requires a gradient: :meth:`fit` has its own, in
    closed form. Hence neither DDP nor an outer optimiser has to do with it,
    wherever the module is registered.

    Args:
        x_channels (int): Width of x.
        y_channels (int): Width of y.
        hidden_channels (int): Width of the hidden layers.
        optimizer (dict, optional): Config of the optimiser, which sees one
            flat tensor. Defaults to None, which is ``dict(type='Adam',
            lr=1e-3)``.

    Attributes:
        weights (Parameter): All weights, flat; see :meth:`layers`.

    Note:
        ``state_dict`` includes the optimiser's state.
    """

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int,
                 optimizer: Optional[dict] = None) -> None:
        super().__init__()
        networks = [(nn.Linear(x_channels, hidden_channels),
                     nn.Linear(hidden_channels, y_channels))
                    for _ in ('mean', 'log-variance')]
        layers = [
            torch.stack([getattr(network[i], name) for network in networks])
            for i in (0, 1) for name in ('weight', 'bias')
        ]
        self._shapes = [layer.shape for layer in layers]
        self._sizes = [layer.numel() for layer in layers]
        self.weights = nn.Parameter(
            torch.cat([layer.detach().flatten() for layer in layers]),
            requires_grad=False)
        self._optimizer_cfg = dict(optimizer or dict(type='Adam', lr=1e-3))
        self._optimizer = self._build_optimizer()

    def layers(self) -> List[Tensor]:
        """Views of the weights.

        Returns:
            List[Tensor]: Weight and bias of the first layer, (2, H, X) and
            (2, H), and of the last one, (2, Y, H) and (2, Y); index 0 is
            the mean's, index 1 the log-variance's.
        """
        return [
            part.view(shape) for part, shape in zip(
                self.weights.split(self._sizes), self._shapes)
        ]

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        """Mean and log-variance of y for x.

        Args:
            x (Tensor): Shape (N, x_channels).

        Returns:
            Tuple[Tensor, Tensor]: Both of shape (N, y_channels).
        """
        return self._evaluate(x)[1:]

    def _evaluate(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """Hidden units (2, N, H), mean and log-variance."""
        first, first_bias, last, last_bias = self.layers()
        hidden = F.linear(x, first.flatten(0, 1), first_bias.flatten())
        hidden = hidden.relu().unflatten(1, first_bias.shape).transpose(0, 1)
        mu, logvar = torch.baddbmm(
            last_bias[:, None], hidden, last.transpose(1, 2)).unbind()
        return hidden, mu, logvar.tanh()

    @torch.no_grad()
    def fit(self, x: Tensor, y: Tensor, steps: int, weight: Tensor) -> None:
        """Raise the likelihood of the global batch.

        Args:
            x (Tensor): Local samples (N_local, x_channels).
            y (Tensor): Local samples (N_local, y_channels).
            steps (int): Optimiser steps, all on these samples.
            weight (Tensor | float): Of the local mean log-likelihood in the
                objective, which is the sum over ranks.
        """
        if self._optimizer.param_groups[0]['params'][0] is not self.weights:
            # Loading with assign=True puts another parameter in its place.
            self._rebuild_optimizer()
        for _ in range(steps):
            grad = torch.zeros_like(self.weights)
            if len(y):  # a rank without samples only takes part in the sum
                grad = -weight * self.likelihood_gradient(x, y)
            dist.all_reduce(grad, op='sum')
            # Features may overflow under AMP, whose scaler then skips the
            # step; Q must survive that, too.
            self.weights.grad = torch.nan_to_num(grad, 0., 0., 0.)
            self._optimizer.step()
        self.weights.grad = None

    def likelihood_gradient(self, x: Tensor, y: Tensor) -> Tensor:
        """Gradient of the mean log-likelihood by the weights.

        By hand, since autograd takes three times as long for networks this
        small.

        Args:
            x (Tensor): Samples (N, x_channels).
            y (Tensor): Samples (N, y_channels).

        Returns:
            Tensor: Flat, as the weights are.
        """
        last = self.layers()[2]
        hidden, mu, logvar = self._evaluate(x)
        d_mu, d_logvar = club_log_likelihood_gradients(mu, logvar, y)
        d_out = torch.stack([d_mu, d_logvar * (1 - logvar.square())])
        d_hidden = torch.bmm(d_out, last) * (hidden > 0)
        d_hidden = d_hidden.transpose(0, 1).flatten(1)
        return torch.cat([
            (d_hidden.t() @ x).flatten(),
            d_hidden.sum(dim=0),
            torch.bmm(d_out.transpose(1, 2), hidden).flatten(),
            d_out.sum(dim=1).flatten(),
        ])

    def get_extra_state(self) -> Dict[str, Any]:
        """The optimiser's state, for ``state_dict``."""
        return self._optimizer.state_dict()

    def set_extra_state(self, state: Dict[str, Any]) -> None:
        """Counterpart of :meth:`get_extra_state`."""
        # A copy: the optimiser keeps tensors that need no cast.
        self._optimizer.load_state_dict(copy.deepcopy(state))
        counters_to_host(self._optimizer)

    def _build_optimizer(self) -> torch.optim.Optimizer:
        return OPTIMIZERS.build(
            dict(self._optimizer_cfg, params=[self.weights]))

    def _rebuild_optimizer(self) -> None:
        """Follow the parameter to its device, or to the one in its place."""
        state = self._optimizer.state_dict()
        self._optimizer = self._build_optimizer()
        self.set_extra_state(state)

    def _apply(self, fn, *args, **kwargs):
        super()._apply(fn, *args, **kwargs)
        self._rebuild_optimizer()
        return self
