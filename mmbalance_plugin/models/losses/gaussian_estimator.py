import copy
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from mmengine.registry import OPTIMIZERS
from torch import Tensor, nn

from mmbalance_plugin.compat.optimizer_counters import counters_to_host
from mmbalance_plugin.functional import club_log_likelihood_gradients


class GaussianEstimator(nn.Module):
    r"""CLUB's Q(y|x), a Gaussian with diagonal covariance, and its optimiser.

    Mean and log-variance are a network of linear layers and ReLU each, the
    latter with a Tanh at the end: the variance stays in :math:`[1/e, e]`.
    Both are evaluated as one, and all their weights are one flat parameter: a
    step of the optimiser costs a few operations.

    The parameter never requires a gradient: :meth:`fit` has its own, in
    closed form. Hence neither DDP nor an outer optimiser has to do with it,
    wherever the module is registered.

    Args:
        x_channels (int): Width of x.
        y_channels (int): Width of y.
        hidden_channels (int): Width of the hidden layers.
        optimizer (dict, optional): Config of the optimiser, which sees one
            flat tensor. Defaults to None, which is ``dict(type='Adam',
            lr=1e-3)``, fused on CPUs and CUDA.
        hidden_layers (int): How many; 0 makes a linear Q. Defaults to 1.

    Attributes:
        weights (Parameter): All weights, flat; see :meth:`layers`.

    Note:
        ``state_dict`` includes the optimiser's state.
    """

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int,
                 optimizer: Optional[dict] = None,
                 hidden_layers: int = 1) -> None:
        super().__init__()
        widths = [x_channels, *[hidden_channels] * hidden_layers, y_channels]
        networks = [[nn.Linear(*pair) for pair in zip(widths, widths[1:])]
                    for _ in ('mean', 'log-variance')]
        layers = [
            torch.stack([getattr(part, name) for part in parts])
            for parts in zip(*networks) for name in ('weight', 'bias')
        ]
        self._shapes = [layer.shape for layer in layers]
        self._sizes = [layer.numel() for layer in layers]
        self.weights = nn.Parameter(
            torch.cat([layer.detach().flatten() for layer in layers]),
            requires_grad=False)
        self._optimizer_cfg = optimizer
        self._optimizer = self._build_optimizer()

    def layers(self) -> List[Tensor]:
        """Views of the weights.

        Returns:
            List[Tensor]: Weight and bias of each layer: the first one's
            (2, H, X) and (2, H), the last one's (2, Y, H) and (2, Y); index
            0 is the mean's, index 1 the log-variance's.
        """
        return self._views(self.weights)

    def _views(self, flat: Tensor) -> List[Tensor]:
        return [
            part.view(shape)
            for part, shape in zip(flat.split(self._sizes), self._shapes)
        ]

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        """Mean and log-variance of y for x.

        Args:
            x (Tensor): Shape (N, x_channels).

        Returns:
            Tuple[Tensor, Tensor]: Both of shape (N, y_channels).
        """
        return self._evaluate(x, self.layers())[1:]

    @staticmethod
    def _evaluate(
            x: Tensor,
            layers: Sequence[Tensor]) -> Tuple[List[Tensor], Tensor, Tensor]:
        """What each layer gets, (2, N, ...), mean and log-variance."""
        given = [x.expand(2, -1, -1)]
        for weight, bias in zip(layers[:-2:2], layers[1:-2:2]):
            given.append(
                torch.baddbmm(bias[:, None], given[-1], weight.mT).relu_())
        mu, logvar = torch.baddbmm(layers[-1][:, None], given[-1],
                                   layers[-2].mT).unbind()
        return given, mu, logvar.tanh()

    @torch.no_grad()
    def fit(self, x: Tensor, y: Tensor, steps: int, weight: float) -> None:
        """Raise the likelihood.

        Args:
            x (Tensor): Samples (N, x_channels).
            y (Tensor): Samples (N, y_channels).
            steps (int): Optimiser steps, all on these samples.
            weight (float): Of the mean log-likelihood in the objective.
        """
        if self._optimizer.param_groups[0]['params'][0] is not self.weights:
            # Loading with assign=True puts another parameter in its place.
            self._rebuild_optimizer()
        layers = self.layers()
        grad = torch.empty_like(self.weights)
        parts = self._views(grad)
        for _ in range(steps):
            self._differentiate(x, y, layers, parts)
            # Features may overflow under AMP, whose scaler then skips the
            # step; Q must survive that, too.
            torch.nan_to_num(grad.mul_(-weight), 0., 0., 0., out=grad)
            self.weights.grad = grad
            self._optimizer.step()
        self.weights.grad = None

    def _differentiate(self, x: Tensor, y: Tensor, layers: List[Tensor],
                       grads: List[Tensor]) -> None:
        """Write the gradient of the mean log-likelihood, layer by layer.

        By hand, since autograd takes three times as long for networks this
        small.
        """
        given, mu, logvar = self._evaluate(x, layers)
        d_mu, d_logvar = club_log_likelihood_gradients(mu, logvar, y)
        d_out = torch.stack(
            [d_mu, torch.ops.aten.tanh_backward(d_logvar, logvar)])
        for i in reversed(range(len(given))):
            torch.bmm(d_out.mT, given[i], out=grads[2 * i])
            torch.sum(d_out, dim=1, out=grads[2 * i + 1])
            if i:
                d_out = torch.ops.aten.threshold_backward(
                    torch.bmm(d_out, layers[2 * i]), given[i], 0)

    def get_extra_state(self) -> Dict[str, Any]:
        """The optimiser's state, for ``state_dict``."""
        return self._optimizer.state_dict()

    def set_extra_state(self, state: Dict[str, Any]) -> None:
        """Counterpart of :meth:`get_extra_state`."""
        # A copy: the optimiser keeps tensors that need no cast.
        state = copy.deepcopy(state)
        for group in state['param_groups']:
            if 'fused' in group:  # of the device, not of the checkpoint
                group['fused'] = self._optimizer.defaults['fused']
        self._optimizer.load_state_dict(state)
        counters_to_host(self._optimizer)

    def _build_optimizer(self) -> torch.optim.Optimizer:
        # Elsewhere torch may not have the fused form.
        fused = self.weights.device.type in ('cpu', 'cuda')
        cfg = self._optimizer_cfg or dict(type='Adam', lr=1e-3, fused=fused)
        return OPTIMIZERS.build(dict(cfg, params=[self.weights]))

    def _rebuild_optimizer(self) -> None:
        """Follow the parameter to its device, or to the one in its place."""
        state = self._optimizer.state_dict()
        self._optimizer = self._build_optimizer()
        self.set_extra_state(state)

    def _apply(self, fn, *args, **kwargs):
        super()._apply(fn, *args, **kwargs)
        self._rebuild_optimizer()
        return self
