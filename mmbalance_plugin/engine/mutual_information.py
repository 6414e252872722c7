"""Losses weighted by how modalities do and what they share."""
import weakref
from typing import Any, Dict, List, Mapping, Optional

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from torch import Tensor, nn

from ..evaluation.functional import macro_f1
from ..functional import (
    feature_mutual_information,
    mutual_information_weights,
)
from ..functional.mutual_information import ESTIMATORS
from ..models.modes import evaluating
from ..models.objectives import BatchRecord, UnimodalLoss
from ..registry import MODELS
from .features import FeatureBank, feature_bank


@MODELS.register_module()
class MutualInformationLoss(UnimodalLoss):
    """Unimodal losses balanced by mutual information, after 2511.00987.

    sum_m w_m CE(z^m, y) beside :class:`FusedLoss`, as
    ``loss_cls_<modality>``. Before each epoch of the stage the weights are
    set from samples held out of the training set (``hold_out`` of
    :class:`StagedTrainLoop`), never from validation or test data:
    :func:`~mmbalance_plugin.functional.mutual_information_weights` of each
    modality's macro-F1 and of its features' information on the others'.
    The paper's equations are not public: no reproduction.

    Args:
        beta (float): See the function above. Defaults to 1.
        gamma (float): See there. Defaults to 1.
        weight (float): Mean of the weights. Defaults to 1.
        estimator (str): 'ksg', 'info_nce' or 'club'; see
            :func:`~mmbalance_plugin.functional.feature_mutual_information`.
            Defaults to 'ksg'.
        components (int): See there. Defaults to 8.
        neighbors (int): See there. Defaults to 3.
        samples (int): The most held-out samples that information is
            estimated from. Defaults to 2048.
        kwargs: ``modalities`` and ``heads`` of :class:`UnimodalLoss`.

    Note:
        * One pass over the held-out samples per epoch, counted as training
          cost, in eval mode, through the pipeline of training.
        * With two modalities the information is the same for both, unless
          the estimator is a bound: what tells them apart is F1.
        * F1 is of the samples that have the modality, information of those
          that have all of them.
        * **DDP**: the pass is dealt out, rank 0 estimates, all follow.
        * **Resume**: weights are in the checkpoint.
        * Log: ``mi_weight_<m>``, what the epoch was trained with, and
          ``mi_f1_<m>`` and ``mi_<m>`` (nats), which gave it.

    Raises:
        ValueError: An option is out of range; there is but one modality; or,
            when the stage starts, nothing is held out.
    """

    def __init__(self,
                 beta: float = 1.,
                 gamma: float = 1.,
                 weight: float = 1.,
                 estimator: str = 'ksg',
                 components: int = 8,
                 neighbors: int = 3,
                 samples: int = 2048,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        if estimator not in ESTIMATORS:
            raise ValueError('MutualInformationLoss: estimator must be one '
                             f'of {ESTIMATORS}, got {estimator!r}')
        if min(components, neighbors, samples) < 1:
            raise ValueError(
                'MutualInformationLoss: components, neighbors and samples '
                f'must be at least 1, got {components}, {neighbors} and '
                f'{samples}')
        self.beta, self.gamma, self.mean_weight = beta, gamma, weight
        self.estimation = dict(
            estimator=estimator, components=components, neighbors=neighbors)
        self.samples = samples
        self.last: Dict[str, float] = {}
        self.weights: Dict[str, Tensor] = {}
        # Weak, so that a model in training can be copied.
        self._running: Optional[weakref.ref] = None

    def bind(self, model: nn.Module) -> None:
        """See :class:`ObjectiveTerm`."""
        super().bind(model)
        names = self.needs(model)
        if len(names) < 2:
            raise ValueError('MutualInformationLoss needs at least two '
                             f'modalities, got {list(names)}')
        device = next(model.parameters()).device
        self.weights = {
            m: torch.tensor(float(self.mean_weight), device=device)
            for m in names
        }

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        """See :class:`ObjectiveTerm`."""
        if self._running is None:
            raise RuntimeError(
                'MutualInformationLoss sets its weights between the epochs '
                'of mmbalance_plugin.StagedTrainLoop: use that')
        return {
            f'loss_cls_{m}': self.weights[m] * record.mean(
                record.model.head.criterion, (m, ), logits, record.targets)
            for m, logits in self.logits(record).items()
        }

    # ---- the schedule --------------------------------------------------
    def start_stage(self, loop) -> None:
        """The first weights; see :class:`ObjectiveTerm`."""
        self._running = weakref.ref(loop)
        if loop.held_out is None:
            raise ValueError(
                'MutualInformationLoss calibrates on samples that are held '
                'out of training: set train_cfg.hold_out=0.1, for example')
        if loop.progress.epoch == 0:  # else resumed
            self.calibrate()

    def end_epoch(self) -> Dict[str, float]:
        """The next epoch's weights, if there is one; see
        :class:`ObjectiveTerm`."""
        record, loop = self.last, self._running()
        if loop.progress.epoch < loop.stage.epochs:
            self.calibrate()
        return record

    @torch.no_grad()
    def calibrate(self) -> None:
        """Set the weights by the held-out samples."""
        loop = self._running()
        bank = feature_bank(
            loop.model,
            loop.dataloader,
            tuple(self.weights),
            features=True,
            logger=loop.runner.logger,
            title='features of the held-out samples',
            dataset=loop.held_out)
        found: List[Any] = [None]
        if is_main_process():
            found[0] = self._measure(loop.model, bank)
        broadcast_object_list(found)
        self._set(found[0])

    def _measure(self, model: nn.Module,
                 bank: FeatureBank) -> Dict[str, float]:
        record = BatchRecord(model, {}, (), bank.targets, bank.features)
        with evaluating(model):
            logits = self.logits(record)
        everyone = torch.ones_like(bank.targets, dtype=torch.bool)
        there = {m: bank.present.get(m, everyone) for m in self.weights}
        complete = torch.stack(list(there.values())).all(dim=0)
        shared = {
            m: feature[complete][:self.samples]
            for m, feature in bank.features.items()
        }
        f1, information = [], []
        for m, rows in there.items():
            f1.append(
                macro_f1(logits[m][rows].cpu().numpy(),
                         bank.targets[rows].cpu().numpy()) if rows.any(
                         ) else 0.)
            rest = [shared[other] for other in shared if other != m]
            information.append(
                feature_mutual_information(shared[m],
                                           torch.cat(rest, dim=1),
                                           **self.estimation))
        weights = self.mean_weight * mutual_information_weights(
            torch.tensor(f1), torch.tensor(information), self.beta,
            self.gamma)
        columns = dict(mi_weight=weights.tolist(), mi_f1=f1, mi=information)
        return {
            f'{key}_{m}': value
            for key, values in columns.items()
            for m, value in zip(there, values)
        }

    def _set(self, found: Dict[str, float]) -> None:
        self.last = found
        for m, weight in self.weights.items():
            weight.fill_(found[f'mi_weight_{m}'])

    def state_dict(self) -> Dict[str, Any]:
        """See :class:`ObjectiveTerm`."""
        return dict(last=self.last)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See :class:`ObjectiveTerm`."""
        self._set(state['last'])
