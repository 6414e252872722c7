"""Losses weighted by how modalities do and what they share."""
from typing import Any, Dict

import torch
from torch import Tensor

from mmbalance_plugin.functional import (
    feature_mutual_information,
    mutual_information_weights,
)
from mmbalance_plugin.functional.mutual_information import ESTIMATORS
from mmbalance_plugin.registry import MODELS

from .calibrated_loss import CalibratedLoss
from .record import BatchRecord


@MODELS.register_module()
class MutualInformationLoss(CalibratedLoss):
    """Unimodal losses balanced by mutual information, after 2511.00987.

    sum_m w_m CE(z^m, y) beside :class:`FusedLoss`, as
    ``loss_cls_<modality>``. Before each epoch of the stage the weights are
    set from samples held out of the training set:
    :func:`~mmbalance_plugin.functional.mutual_information_weights` of each
    modality's macro-F1 and of its features' information on the others', of
    the samples that have all of them. Origins and behaviour:
    docs/methods.md.

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

    Raises:
        ValueError: An option is out of range; see :class:`CalibratedLoss`.
    """

    label_kinds = ('soft', )

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
        self.estimation: Dict[str, Any] = dict(
            estimator=estimator, components=components, neighbors=neighbors)
        self.samples = samples
        self.weights: Dict[str, Tensor] = {}

    def bind(self, model) -> None:
        super().bind(model)
        device = next(model.parameters()).device
        self.weights = {
            m: torch.tensor(float(self.mean_weight), device=device)
            for m in self.names
        }

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        return {
            name: self.weights[name.replace('loss_cls_', '')] * loss
            for name, loss in super().__call__(record).items()
        }

    def measured(self, loop, bank) -> Dict[str, float]:
        complete = torch.ones_like(bank.targets, dtype=torch.bool)
        for rows in bank.present.values():
            complete = complete & rows
        shared = {
            m: feature[complete][:self.samples]
            for m, feature in bank.features.items()
        }
        information = {}
        for m in self.names:
            rest = [shared[other] for other in self.names if other != m]
            information[m] = feature_mutual_information(
                shared[m], torch.cat(rest, dim=1), **self.estimation)
        f1 = self.f1(loop.model, bank)
        weights = self.mean_weight * mutual_information_weights(
            torch.tensor([f1[m] for m in self.names]),
            torch.tensor([information[m] for m in self.names]), self.beta,
            self.gamma)
        columns = dict(
            mi_weight=dict(zip(self.names, weights.tolist())),
            mi_f1=f1,
            mi=information)
        return {
            f'{key}_{m}': column[m]
            for key, column in columns.items() for m in self.names
        }

    def taken(self, found: Dict[str, float]) -> None:
        for m, weight in self.weights.items():
            weight.fill_(found[f'mi_weight_{m}'])
