"""QMF's rank term."""
from typing import Any, Dict, Mapping

import torch
import torch.nn.functional as F
from mmengine import dist
from torch import Tensor

from mmbalance_plugin.datasets.determinism import source_of, why_unnamed
from mmbalance_plugin.functional import qmf_confidence, qmf_rank_loss
from mmbalance_plugin.functional._tensors import at_least_float32
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.eager import eager
from mmbalance_plugin.utils.streams import random_states_kept
from mmbalance_plugin.utils.transfer import to_device

from .record import BatchRecord
from .term import ObjectiveTerm


@MODELS.register_module()
class QMFLoss(ObjectiveTerm):
    """Confidences ranked by the losses of past epochs (QMF, ICML 2023).

    As ``loss_rank_<modality>``, beside :class:`FusedLoss` and
    :class:`UnimodalLoss` over a :class:`QMFHead`:
    :func:`~mmbalance_plugin.functional.qmf_rank_loss` of neighbours in the
    batch, by each sample's mean cross-entropy of the modality alone in the
    epochs that are over, scaled to [0, 1] over the training set. In a first
    epoch there is nothing to compare.

    Args:
        weight (float): lambda; 0.1 for RGB and depth (paper). Defaults to 1
            (paper).

    DDP, AMP, accumulation, resume and log: docs/methods.md, QMF.

    Raises:
        ValueError: ``weight`` is negative, or, when the stage starts,
            ``sample_idx`` is missing or ambiguous, or the history is of
            another data set.
        RuntimeError: A loop of MMEngine runs, which tells no data set.
        IndexError: A sample's number is beyond the data set's length.
    """

    def __init__(self, weight: float = 1.) -> None:
        if weight < 0:
            raise ValueError(f'QMFLoss: weight must not be negative, got '
                             f'{weight}')
        self.weight = weight
        # Sums of losses and how many, of all ranks and of this one since.
        self._known = self._fresh = self._scaled = torch.zeros(0)

    def start_stage(self, loop) -> None:
        """Make room for the training set, or take up what was known."""
        model, source = loop.model, source_of(loop.dataloader.dataset)
        with random_states_kept():
            problem = why_unnamed(source)
        if problem:
            raise ValueError(f'QMFLoss keeps a history by sample: {problem}')
        shape = 2, len(model.modalities), len(source)
        device = next(model.parameters()).device
        if not self._known.numel():
            self._known = torch.zeros(shape)
        if tuple(self._known.shape) != shape:
            raise ValueError(
                f'QMFLoss: a history of {self._known.shape[2]} samples and '
                f'{self._known.shape[1]} modalities, but the training set '
                f'has {shape[2]} and the model {list(model.modalities)}')
        self._known = self._known.to(device)
        self._fresh = torch.zeros_like(self._known)
        self._scale()

    def _scale(self) -> None:
        """Mean losses from 0 to 1 over the set, NaN where there is none."""
        sums, counts = self._known
        seen = counts > 0
        means = sums / counts
        low = means.where(seen, torch.inf).amin(dim=1, keepdim=True)
        high = means.where(seen, -torch.inf).amax(dim=1, keepdim=True)
        # Where all are equal, no difference is left to be scaled.
        width = (high - low).where(high > low, 1.)
        self._scaled = (means - low) / width

    @eager
    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        if not self._scaled.numel():
            raise RuntimeError(
                'QMFLoss keeps a history of the training set: set '
                "train_cfg.type='mmbalance_plugin.StagedTrainLoop'")
        size = self._scaled.shape[1]
        if int(record.sample_ids.max()) >= size:
            raise IndexError(
                f'QMFLoss: sample_idx {int(record.sample_ids.max())} in a '
                f'training set of {size} samples')
        ids = to_device(record.sample_ids, record.targets.device)
        losses = {}
        for row, m in enumerate(record.model.modalities):
            logits = record.unimodal[m]
            loss = record.mean(qmf_rank_loss, (m, ), qmf_confidence(logits),
                               self._scaled[row][ids])
            losses[f'loss_rank_{m}'] = self.weight * loss
            if torch.is_grad_enabled():
                self._note(record, row, m, ids)
        return losses

    @torch.no_grad()
    def _note(self, record: BatchRecord, row: int, modality: str,
              ids: Tensor) -> None:
        loss = F.cross_entropy(
            at_least_float32(record.unimodal[modality]),
            record.targets,
            reduction='none')
        counted = loss.isfinite()
        if record.present is not None:
            counted = counted & record.present.mask(modality)
        values = torch.stack([loss.where(counted, 0.), counted.to(loss)])
        self._fresh[:, row].index_add_(1, ids, values)

    def end_epoch(self, loop) -> Dict[str, float]:
        """Add what the ranks have seen."""
        dist.all_reduce(self._fresh, op='sum')
        self._known = self._known + self._fresh
        self._fresh.zero_()
        self._scale()
        return {}

    def state_dict(self) -> Dict[str, Any]:
        """The history."""
        return dict(known=self._known.cpu()) if self._known.numel() else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._known = state.get('known', torch.zeros(0))
