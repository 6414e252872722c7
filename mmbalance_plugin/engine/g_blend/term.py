"""G-Blending's objective, and weights that follow the run."""
import weakref
from typing import Any, Dict, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn

from ...functional import g_blend_weights
from ...models.objectives import (
    BatchRecord,
    FusedLoss,
    ObjectiveTerm,
    UnimodalLoss,
)
from ...registry import MODELS
from .split_losses import training_and_held_out

_FORMS = ('fixed', 'running', 'online')
FUSED = 'fused'


@MODELS.register_module()
class GBlend(ObjectiveTerm):
    """Weighted losses of all heads (G-Blending, CVPR 2020, 1905.12681).

    L = sum_k w_k CE_k over the modalities and the fused prediction, where
    the weights sum to 1: those of :func:`~mmbalance_plugin.functional.\
g_blend_weights`, generalisation over squared overfitting in ``interval``
    epochs. Losses are named as those of :class:`FusedLoss` and
    :class:`UnimodalLoss`. The offline form is :class:`GBlendTrainLoop`.

    Args:
        form (str): Where weights come from. Defaults to 'running'.

            - 'fixed': they stay.
            - 'running': every ``interval`` epochs, from what the losses of
              the running model did since the last time. The cheap form, a
              choice of this project: two passes over training and held-out
              data, no training. All heads learn at once, so a head's gain
              is not its own alone.
            - 'online' (paper): every ``interval`` epochs, from the start on,
              each head is trained alone for as many epochs from the weights
              that are there, which are put back. M + 1 heads cost M + 1 times
              the training of the run. No checkpoint is written meanwhile,
              and the learning rate stays.
        interval (int): Epochs n of the stage between two estimates.
            Defaults to 10.
        weights (dict[str, float], optional): Weight of each modality and of
            'fused', with a sum of 1, until the first estimate. Defaults to
            None: equal.
        heads (str): Where modalities' logits come from; see
            :class:`UnimodalLoss`. Defaults to 'shared'.

    Note:
        * Held-out data are the samples of the loop's ``hold_out`` (the paper
          holds 8 to 13 % of the training data out), or the validation data.
        * A head that got worse gets weight 0; where all did, the weights stay
          (a choice of this project, as the paper is silent).
        * **DDP**: losses are means over all samples of the split; the same
          weights on all ranks.
        * **Resume**: weights, and the losses they are compared with, are in
          the checkpoint.
        * Log: ``g_blend_<head>``, what an epoch was trained with.

    Raises:
        ValueError: An option does not fit, or, when the stage starts, there
            is nothing held out.
    """

    fuses = True

    def __init__(self,
                 form: str = 'running',
                 interval: int = 10,
                 weights: Optional[Mapping[str, float]] = None,
                 heads: str = 'shared') -> None:
        if form not in _FORMS:
            raise ValueError(f'GBlend: form must be one of {_FORMS}, got '
                             f'{form!r}; the offline form is GBlendTrainLoop')
        if interval < 1:
            raise ValueError('GBlend: interval must be at least 1, got '
                             f'{interval}')
        self.form = form
        self.interval = interval
        self.given = weights
        self.fused, self.own = FusedLoss(), UnimodalLoss(heads=heads)
        self.weights: Optional[Tensor] = None
        self.start: Optional[Dict[str, Tuple[float, float]]] = None
        # Weak, so that a model in training can be copied.
        self._running: Optional[weakref.ref] = None

    def bind(self, model: nn.Module) -> None:
        """See :class:`ObjectiveTerm`."""
        if FUSED in model.modalities:
            raise ValueError(f"GBlend: '{FUSED}' is the fused head, not a "
                             'modality: rename it')
        self.names = (FUSED, *model.modalities)
        self.own.modalities = model.modalities
        self.own.bind(model)
        self.learned = self.own.learned
        given = self.given or dict.fromkeys(self.names, 1 / len(self.names))
        if set(given) != set(self.names) or min(given.values()) < 0 or abs(
                sum(given.values()) - 1) > 1e-6:
            raise ValueError(
                f'GBlend: weights must name each of {list(self.names)}, and '
                f'sum to 1, none of them negative, got {dict(given)}')
        self.given, self.device = given, next(model.parameters()).device
        self._set(given)

    def _set(self, weights: Mapping[str, float]) -> None:
        self.weights = torch.tensor(
            [float(weights[name]) for name in self.names], device=self.device)

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        """See :class:`ObjectiveTerm`."""
        if self.form != 'fixed' and self._running is None:
            raise RuntimeError(
                f"GBlend(form='{self.form}') estimates its weights between "
                "the epochs of mmbalance_plugin.StagedTrainLoop: use that, or "
                "form='fixed'")
        losses = {**self.fused(record), **self.own(record)}
        weighted = zip(losses.items(), self.weights.unbind())
        return {name: weight * loss for (name, loss), weight in weighted}

    # ---- the schedule --------------------------------------------------
    def start_stage(self, loop) -> None:
        """The first measurement, or the first estimate."""
        self._running = weakref.ref(loop)
        if self.form != 'fixed' and loop.progress.epoch == 0:  # else resumed
            self.start = None
            self._set(self.given)
            self._estimate()

    def end_epoch(self) -> Dict[str, float]:
        """Estimate, when it is time; see :class:`ObjectiveTerm`."""
        record = {
            f'g_blend_{name}': weight
            for name, weight in zip(self.names, self.weights.tolist())
        }
        epoch, epochs = self._loop.progress.epoch, self._loop.stage.epochs
        if self.form != 'fixed' and epoch < epochs and \
                epoch % self.interval == 0:
            self._estimate()
        return record

    @property
    def _loop(self):
        return self._running()

    def _estimate(self) -> None:
        before, now = self.start, self._measure()
        if self.form == 'online':
            before, now = now, self._train_alone()
        else:
            self.start = now
        if before is not None:
            found = g_blend_weights(before, now)
            if any(found.values()):
                self._set(found)

    def _train_alone(self) -> Dict[str, Tuple[float, float]]:
        """Losses of heads that were trained alone, each its own."""
        kept, ends = self.weights, {}
        for name in self.names:
            with self._loop.excursion() as train:
                self._set({other: other == name for other in self.names})
                train(self.interval)
                ends[name] = self._measure()[name]
        self.weights = kept
        return ends

    def _measure(self) -> Dict[str, Tuple[float, float]]:
        """Mean (training, held-out) loss of each head."""
        found = training_and_held_out(self._loop, (self.fused, self.own))
        return dict(zip(self.names, found.values()))

    def state_dict(self) -> Dict[str, Any]:
        """See :class:`ObjectiveTerm`."""
        return dict(weights=self.weights.tolist(), start=self.start)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See :class:`ObjectiveTerm`."""
        self._set(dict(zip(self.names, state['weights'])))
        self.start = state['start']
