"""G-Blending's objective, and weights that follow the run."""
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple

import torch
from torch import Tensor

from mmbalance_plugin.functional import g_blend_weights
from mmbalance_plugin.registry import MODELS

from .fused_loss import FusedLoss
from .record import BatchRecord
from .term import ObjectiveTerm
from .unimodal_loss import UnimodalLoss

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer

_FORMS = ('fixed', 'running', 'online')
FUSED = 'fused'
Pairs = Dict[str, Tuple[float, float]]


@MODELS.register_module()
class GBlend(ObjectiveTerm):
    """Weighted losses of all heads (G-Blending, CVPR 2020, 1905.12681).

    L = sum_k w_k CE_k over the modalities and the fused prediction, where
    the weights sum to 1: those of :func:`~mmbalance_plugin.functional.\
g_blend_weights`, generalisation over squared overfitting in ``interval``
    epochs. A head that got worse gets weight 0; where all did, the weights
    stay. Losses are named as those of :class:`FusedLoss` and
    :class:`UnimodalLoss`. The offline form is :class:`GBlendTrainLoop`.
    Origins and behaviour: docs/methods.md.

    Args:
        form (str): Where weights come from. Defaults to 'running'.

            - 'fixed': they stay.
            - 'running': every ``interval`` epochs, from what the losses of
              the running model did since the last time: two passes over
              training and held-out data.
            - 'online' (paper): every ``interval`` epochs, from the start on,
              each head is trained alone for as many epochs from the weights
              that are there, which are put back.
        interval (int): Epochs n of the stage between two estimates.
            Defaults to 10.
        weights (dict[str, float], optional): Weight of each modality and of
            'fused', with a sum of 1, until the first estimate. Defaults to
            None: equal.
        heads (str): Where modalities' logits come from; see
            :class:`UnimodalLoss`. Defaults to 'shared'.

    Raises:
        ValueError: An option does not fit, or, when the stage starts, there
            is nothing held out (``hold_out`` of the loop, or validation).
    """

    fuses = True
    label_kinds = ('multi', 'soft')

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
        self.start: Optional[Pairs] = None
        self.ready = form == 'fixed'

    def bind(self, model: 'MultimodalRecognizer') -> None:
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
        if not self.ready:
            raise RuntimeError(
                f"GBlend(form='{self.form}') estimates its weights between "
                "the epochs of mmbalance_plugin.StagedTrainLoop: use that, or "
                "form='fixed'")
        losses = {**self.fused(record), **self.own(record)}
        weighted = zip(losses.items(), self.weights.unbind())
        return {name: weight * loss for (name, loss), weight in weighted}

    # ---- the schedule --------------------------------------------------
    def start_stage(self, loop) -> None:
        self.ready = True
        if self.form != 'fixed' and loop.progress.epoch == 0:  # else resumed
            self.start = None
            self._set(self.given or {})
            self._estimate(loop)

    def end_epoch(self, loop) -> Dict[str, float]:
        record = {
            f'g_blend_{name}': weight
            for name, weight in zip(self.names, self.weights.tolist())
        }
        epoch = loop.progress.epoch
        if self.form != 'fixed' and epoch < loop.stage.epochs and \
                epoch % self.interval == 0:
            self._estimate(loop)
        return record

    def _estimate(self, loop) -> None:
        before, now = self.start, self._measure(loop)
        if self.form == 'online':
            before, now = now, self._train_alone(loop)
        else:
            self.start = now
        if before is not None:
            found = g_blend_weights(before, now)
            if any(found.values()):
                self._set(found)

    def _train_alone(self, loop) -> Pairs:
        """Losses of heads that were trained alone, each its own."""
        kept, ends = self.weights, {}
        for name in self.names:
            with loop.excursion() as train:
                self._set({other: other == name for other in self.names})
                train(self.interval)
                ends[name] = self._measure(loop)[name]
        self.weights = kept
        return ends

    def _measure(self, loop) -> Pairs:
        """Mean (training, held-out) loss of each head."""
        found = loop.training_and_held_out((self.fused, self.own))
        return dict(zip(self.names, found.values()))

    def state_dict(self) -> Dict[str, Any]:
        return dict(weights=self.weights.tolist(), start=self.start)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._set(dict(zip(self.names, state['weights'])))
        self.start = state['start']
