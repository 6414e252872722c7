"""On-the-fly prediction modulation."""
import logging
import random
from typing import Any, Dict, Optional, Tuple, Union

import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub, print_log
from torch import Tensor, nn

from mmbalance_plugin.utils.choices import require_choice

from ...functional import discrepancy_ratios
from ...functional.prediction_modulation import (
    drop_features,
    keep_masks,
    opm_drop_probabilities,
    opm_rescale_factor,
)
from ...registry import MODELS
from ...utils.deferred_scalars import DeferredScalars, per_modality
from ...utils.dist import global_scores
from ...utils.eager import eager
from ...utils.run_state import BatchPlace, current_iter
from ...utils.streams import stream, stream_seed
from ..objectives import BatchRecord
from .recognizer_wrapper import RecognizerWrapper, recognizer_of

_PREVIOUS = 'opm_previous_ratios'


@MODELS.register_module()
class OPM(RecognizerWrapper):
    """Drop the features of modalities that are ahead (arXiv 2410.11582).

    While a modality supports the true class better than the others do
    (discrepancy ratio rho > 1), its feature is zeroed for a sample with
    probability q = q_base (1 + lam tanh(rho - 1)), so that the head learns
    to read the others. Defaults are the released code's.

    It wraps a recognizer without adding a weight: checkpoints of either load
    into the other. In eval mode, during warm-up and in stages with a
    unimodal objective it does nothing.

    Args:
        recognizer (dict | nn.Module): A :class:`MultimodalRecognizer` of two
            or more modalities, or its config.
        q_base (float): Drop probability of a modality that is barely ahead.
            Defaults to 0.5.
        lam (float): How much the probability grows with the lead. Defaults
            to 0.5.
        p_exe (float): Probability that a batch is modulated at all: one coin
            a batch, the same on all ranks. Defaults to 0.7.
        warmup_epochs (int): Epochs without modulation at the start of the
            stage. Defaults to 6.
        rescale (bool): Whether all features of a modulated batch are
            multiplied by 1 / (1 - theta), theta being the expected share of
            dropped channels. Defaults to True.
        ratio_from (str): 'current' takes rho from the batch that is
            modulated (released code), 'previous' from the batch before
            (paper); the first batch is then not modulated. Defaults to
            'current'.
        log_interval (int): Batches between two copies of the diagnostics to
            the host. Defaults to 10.

    Attributes:
        last (dict): Of the latest training batch, 'ratios', 'probabilities'
            and 'rates' (the last realised on this rank), each a dict of
            scalars on the device.

    DDP, AMP, accumulation, resume and log: docs/methods.md, OPM.

    Raises:
        ValueError: An option is out of range, or there are fewer than two
            modalities.

    Examples:
        >>> model = dict(
        >>>     _delete_=True,
        >>>     type='mmbalance_plugin.OPM',
        >>>     recognizer={{_base_.model}})
    """

    label_kinds = ('multi', 'soft')

    def __init__(self,
                 recognizer: Union[dict, nn.Module],
                 q_base: float = 0.5,
                 lam: float = 0.5,
                 p_exe: float = 0.7,
                 warmup_epochs: int = 6,
                 rescale: bool = True,
                 ratio_from: str = 'current',
                 log_interval: int = 10) -> None:
        for key, value in (('q_base', q_base), ('p_exe', p_exe)):
            if not 0 <= value <= 1:
                raise ValueError(f'OPM: {key} is a probability, got {value}')
        if lam < 0 or warmup_epochs < 0:
            raise ValueError(f'OPM: lam={lam} and warmup_epochs='
                             f'{warmup_epochs} must not be negative')
        require_choice('OPM: ratio_from', ratio_from, ('current', 'previous'))
        inner: Any = MODELS.build(recognizer) if isinstance(
            recognizer, dict) else recognizer
        if len(inner.modalities) < 2:
            raise ValueError('OPM compares modalities with each other, but '
                             f'the recognizer has {inner.modalities}')
        super().__init__(inner)
        self.q_base = q_base
        self.lam = lam
        self.p_exe = p_exe
        self.warmup_epochs = warmup_epochs
        self.rescale = rescale
        self.ratio_from = ratio_from
        self.log = DeferredScalars(log_interval)
        self.last: Dict[str, Dict[str, Tensor]] = {}
        self._place = BatchPlace()
        inner = recognizer_of(inner)
        if inner.score_mode is None:
            inner.score_mode = 'auto'
        inner.feature_transforms.append(self.modulate)

    @eager
    def modulate(self, features: Dict[str, Tensor],
                 record: BatchRecord) -> Dict[str, Tensor]:
        """Drop features of one training batch.

        The recognizer calls this between scoring and fusion.

        Args:
            features (dict[str, Tensor]): Features (B, D_m).
            record (BatchRecord): The batch, its model with the scores.

        Returns:
            dict[str, Tensor]: Features for the head, of the same shapes.
        """
        seed, *place = self._advance()
        ratios = discrepancy_ratios(*global_scores(
            record.model.batch_scores, record.model.batch_counts))
        used: Optional[Dict[str, Tensor]] = ratios
        if self.ratio_from == 'previous':
            used = self._exchange_previous(ratios)
        probabilities = {m: torch.zeros_like(r) for m, r in ratios.items()}
        rates = probabilities
        if used is not None and self._executes(seed, *place):
            probabilities = opm_drop_probabilities(used, self.q_base,
                                                   self.lam)
            some = next(iter(features.values()))
            generator = stream(
                seed, 'opm-mask', *place, get_rank(), device=some.device)
            keep = keep_masks(probabilities, len(some), generator,
                              record.masks)
            rates = {m: (~kept).float().mean() for m, kept in keep.items()}
            factor = None
            if self.rescale:
                widths = {m: value.shape[1] for m, value in features.items()}
                factor = opm_rescale_factor(probabilities, widths)
            features = drop_features(features, keep, factor)
        self.last = dict(
            ratios=ratios, probabilities=probabilities, rates=rates)
        self.log.add(per_modality(
            opm_ratio=ratios, opm_drop_probability=probabilities,
            opm_drop_rate=rates))
        return features

    def _advance(self) -> Tuple[int, int, int, int]:
        """What this batch's draws depend on, see :class:`BatchPlace`."""
        if self._place.last is None:
            self._warn_if_idle()
        position = self._place.advance()
        if position[2:] == (0, 0):
            # A stage begins: what the one before left is no news.
            MessageHub.get_current_instance().runtime_info.pop(_PREVIOUS, None)
            self.log.clear('opm_')
        return position

    def _warn_if_idle(self) -> None:
        epochs = MessageHub.get_current_instance().runtime_info.get(
            'max_epochs')
        if epochs is not None and self.warmup_epochs >= epochs:
            print_log(
                f'OPM: warmup_epochs={self.warmup_epochs} covers all {epochs} '
                'epochs of this run, so no batch will ever be modulated; set '
                'a lower warmup_epochs',
                logger='current',
                level=logging.WARNING)

    def _executes(self, seed: int, *place: int) -> bool:
        if place[0] < self.warmup_epochs:
            return False
        # Drawn on the host, alike on all ranks: no need to ask a device.
        coin = random.Random(stream_seed(seed, 'opm-coin', *place))
        return coin.random() < self.p_exe

    def _exchange_previous(
            self, ratios: Dict[str, Tensor]) -> Optional[Dict[str, Tensor]]:
        """Take the last batch's ratios, and leave this one's for the next.

        They are on the device but for the first batch after a resume.
        """
        hub, step = MessageHub.get_current_instance(), current_iter()
        saved = hub.runtime_info.get(_PREVIOUS)
        hub.update_info(_PREVIOUS, dict(iter=step, ratios=ratios))
        # Outside of a runner the number stays the same.
        if not saved or saved['iter'] not in (step - 1, step):
            return None
        return {m: saved['ratios'][m].to(r) for m, r in ratios.items()}
