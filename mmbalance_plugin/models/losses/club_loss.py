import logging
from typing import Any, Dict, List, Optional

import torch
from mmengine.dist import broadcast, get_world_size
from mmengine.logging import print_log
from torch import Tensor, nn

from mmbalance_plugin.functional import (
    club_log_likelihood,
    club_sampled,
    club_upper_bound,
    standardize,
)
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.device_means import DeviceMeans
from mmbalance_plugin.utils.dist import gather_with_grad
from mmbalance_plugin.utils.streams import seeded, stream, stream_seed

from .gaussian_estimator import GaussianEstimator

_EPS = 1e-6
# An estimate that is positive in fewer than a tenth of the steps "stays"
# negative: noise about zero would give a half.
_STAYS_NEGATIVE = 0.9


@MODELS.register_module()
class CLUBLoss(nn.Module):
    r"""vCLUB upper bound of I(x; y) as a loss on features.

    The complementarity term of UDI (arXiv 2509.02281) on the bound of CLUB
    (arXiv 2006.12013); the formulas are
    :func:`mmbalance_plugin.functional.club_upper_bound` and its neighbours.
    Each call first fits Q(y|x) for ``steps`` steps of its own optimiser on
    the detached features, then returns the bound with Q frozen: the gradient
    reaches y, and x unless it is detached.

    The bound has no minimum: with a Q that lags behind, an encoder can lower
    it for ever by moving and scaling its features away from Q's prediction.
    The defaults are the form that stays finite; the naive form, for
    comparison, is ``variant='sampled', reduction='sum', standardize=False,
    clamp=False, steps=1``.

    Args:
        x_channels (int): Width of x, the features that are conditioned on.
        y_channels (int): Width of y.
        hidden_channels (int): Hidden width of Q. Defaults to 64.
        hidden_layers (int): Hidden layers of Q; 0 makes it linear. Defaults
            to 1.
        variant (str): 'exact' takes all pairs as negatives, 'sampled' one
            random permutation. Defaults to 'exact'.
        reduction (str): Over the features: 'mean' or 'sum', in the bound and
            in Q's objective. Over samples it is always the mean. Defaults to
            'mean'.
        standardize (bool): Bring x and y to mean 0 and variance 1 over the
            batch first, with the gradient through the moments. Defaults to
            True.
        clamp (bool): Return 0, without gradient, while the estimate is not
            positive. Defaults to True.
        steps (int): Steps of Q per call. Defaults to 5.
        optimizer (dict, optional): Q's optimiser; see
            :class:`GaussianEstimator`. Defaults to None.
        seed (int, optional): Seed of Q's initial weights and of the
            permutations. Defaults to None: torch's initial seed (that of
            rank 0 where there are several).
        loss_weight (float): Factor on the loss. Defaults to 1.0.

    Attributes:
        last (Dict[str, Tensor]): 'estimate' (unweighted, before the clamp)
            and 'log_likelihood' of Q (the form that is fitted, reduced over
            the features as the bound is) in the latest call, on the device.
        fit_steps (int): Steps of Q so far; see :meth:`pop_fit_steps`.

    Note:
        - **DDP**: the value is the bound of the global batch on every rank,
          and DDP's average of the gradients is that bound's gradient, also
          for local batches of different sizes. Each rank fits the same Q on
          the features of all, and computes the same bound: a call gathers
          them in two collectives, one of which waits for the device, and
          its backward pass has none. All ranks must call it, and call
          backward with the same gradient, alike. Q's weights never require
          a gradient: neither DDP nor an outer optimiser touches them,
          wherever the module is registered.
        - **AMP**: features that overflowed show in the value, and leave Q
          finite.
        - **Accumulation**: each micro-batch has its own bound, and their sum
          is not that of the whole batch.

    Raises:
        ValueError: An unknown option, or features of another shape.

    Examples:
        >>> loss = CLUBLoss(x_channels=16, y_channels=8)
        >>> x, y = torch.randn(32, 16), torch.randn(32, 8, requires_grad=True)
        >>> loss(x, y).backward()
        >>> bound = loss(x, y, update_estimator=False)
    """

    collective = True
    """bool: Whether the ranks wait for each other in a call, so that one
    without samples has to call it, too."""

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int = 64,
                 hidden_layers: int = 1,
                 variant: str = 'exact',
                 reduction: str = 'mean',
                 standardize: bool = True,
                 clamp: bool = True,
                 steps: int = 5,
                 optimizer: Optional[dict] = None,
                 seed: Optional[int] = None,
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        require_choice('variant', variant, ('exact', 'sampled'))
        require_choice('reduction', reduction, ('mean', 'sum'))
        for key, count in (('steps', steps), ('hidden_layers', hidden_layers)):
            if count < 0:
                raise ValueError(f'{key} must not be negative, got {count}')
        self.x_channels = x_channels
        self.y_channels = y_channels
        self.variant = variant
        self.standardize = standardize
        self.clamp = clamp
        self.steps = steps
        self.loss_weight = loss_weight
        self.last: Dict[str, Tensor] = {}
        self.fit_steps = 0
        self._scale = 1 / y_channels if reduction == 'mean' else 1.
        self._calls = 0
        # Ranks may have different initial seeds; they settle on one later,
        # as a constructor that communicates can hang.
        self._agreed = seed is not None
        self._seed = stream_seed(
            torch.initial_seed() if seed is None else seed, 'club')
        with seeded(self._seed, 'init'):
            self.estimator = GaussianEstimator(x_channels, y_channels,
                                               hidden_channels, optimizer,
                                               hidden_layers)
        self.epoch_average = DeviceMeans(
            'estimate', 'log_likelihood', 'not_positive', finite_only=True)

    def forward(self,
                x: Tensor,
                y: Tensor,
                update_estimator: Optional[bool] = None) -> Tensor:
        """Fit Q and return the weighted bound.

        Args:
            x (Tensor): Features of shape (N, x_channels).
            y (Tensor): Features of the same samples, (N, y_channels).
            update_estimator (bool, optional): False only evaluates the
                bound: Q, counters and the epoch's averages stay as they are.
                Defaults to None: True in training mode, False in eval mode.

        Returns:
            Tensor: 0-d loss; zero where there is no sample, of which Q then
            learns nothing.
        """
        self._check(x, y)
        if update_estimator is None:
            update_estimator = self.training
        with torch.autocast(y.device.type, enabled=False):
            self._agree()
            dtype = self.estimator.weights.dtype
            x, y = self._everyone(x.to(dtype), y.to(dtype))
            if not len(y):
                return x.sum() + y.sum()
            if self.standardize:
                x, y = standardize(x, eps=_EPS), standardize(y, eps=_EPS)
            if update_estimator:
                self.estimator.fit(x.detach(), y.detach(), self.steps,
                                   self._scale)
                self.fit_steps += self.steps
            estimate = self._bound(x, y)
            if update_estimator:
                self._calls += 1
                self.epoch_average.update(
                    not_positive=(estimate <= 0).to(dtype), **self.last)
            # Unlike clamp, relu has no gradient at zero.
            value = estimate.relu() if self.clamp else estimate
            return self.loss_weight * value

    def _everyone(self, x: Tensor, y: Tensor) -> List[Tensor]:
        """The features of all ranks."""
        if get_world_size() == 1:
            return [x, y]
        both = gather_with_grad(torch.cat([x, y], dim=1), agreed=True)
        return list(both.split([self.x_channels, self.y_channels], dim=1))

    def _bound(self, x: Tensor, y: Tensor) -> Tensor:
        """The bound over the features; fills ``last``."""
        mu, logvar = self.estimator(x)
        if self.variant == 'exact':
            bound = club_upper_bound(mu, logvar, y)
        else:
            bound = club_sampled(
                mu, logvar, y, stream(self._seed, 'permutation', self._calls))
        estimate = self._scale * bound
        with torch.no_grad():
            likelihood = self._scale * club_log_likelihood(mu, logvar, y)
        self.last = dict(
            estimate=estimate.detach(), log_likelihood=likelihood)
        return estimate

    def end_epoch(self) -> Dict[str, float]:
        """Average the calls since the last ``end_epoch`` that fitted Q.

        The one place that waits for the device. Warns if the estimate stayed
        negative.

        Returns:
            Dict[str, float]: Means of 'estimate' (before clamp and weight)
            and Q's 'log_likelihood', and the share of steps whose estimate
            was 'not_positive'. Steps that were not finite are left out;
            empty if there was no other.
        """
        means, count = self.epoch_average.pop()
        if count and means['not_positive'] >= _STAYS_NEGATIVE:
            effect = 'gave no gradient' if self.clamp else 'is no bound'
            print_log(
                'CLUBLoss: the estimate was not positive in '
                f'{100 * means["not_positive"]:.0f} % of {count} steps (mean '
                f'{means["estimate"]:.4g}), where the loss {effect}: Q is '
                'probably under-trained. Raise `steps` (now '
                f'{self.steps}), or the learning rate in `optimizer`. If '
                'that changes nothing, y may hold nothing of x any more.',
                logger='current',
                level=logging.WARNING)
        return means

    def pop_fit_steps(self) -> int:
        """Return the steps of Q since the last call of this method."""
        steps, self.fit_steps = self.fit_steps, 0
        return steps

    def get_extra_state(self) -> Dict[str, Any]:
        """Counters and seed, for ``state_dict``."""
        return dict(
            fit_steps=self.fit_steps, calls=self._calls, seed=self._seed)

    def set_extra_state(self, state: Dict[str, Any]) -> None:
        """Counterpart of :meth:`get_extra_state`."""
        self.fit_steps = state['fit_steps']
        self._calls = state['calls']
        self._seed = state['seed']
        self._agreed = True

    def _agree(self) -> None:
        if not self._agreed:
            weights = self.estimator.weights
            seed = torch.tensor([self._seed], device=weights.device)
            for tensor in (seed, weights):
                broadcast(tensor.detach())
            self._seed = int(seed)
            self._agreed = True

    def _check(self, x: Tensor, y: Tensor) -> None:
        for name, value, width in (('x', x, self.x_channels),
                                   ('y', y, self.y_channels)):
            if value.ndim != 2 or value.shape[1] != width:
                raise ValueError(
                    f'CLUBLoss needs {name} of shape (N, {width}), as '
                    f'{name}_channels={width} says, got '
                    f'{tuple(value.shape)}')
        if len(x) != len(y):
            raise ValueError('CLUBLoss needs x and y of the same samples, '
                             f'got {len(x)} and {len(y)}')
