"""PMR: prototypes that help the modality that lags behind."""
from typing import Any, Dict, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.utils.data import Subset

from mmbalance_plugin.functional import (
    pmr_coefficients,
    pmr_entropy_weights,
    prototype_log_probs,
)
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.deferred_scalars import per_modality
from mmbalance_plugin.utils.eager import eager
from mmbalance_plugin.utils.run_state import current_epoch, run_seed
from mmbalance_plugin.utils.streams import stream

from .record import BatchRecord
from .term import ObjectiveTerm


@MODELS.register_module()
class PMRLoss(ObjectiveTerm):
    """Prototypical modal rebalance (CVPR 2023), as ``loss_pmr``.

    Beside :class:`FusedLoss`. Before each epoch the class means of each
    modality's features become its prototypes. A feature is classified by its
    distances to them, and the loss

    alpha sum_m c_m PCE_m - mu sum_m w_m H_m

    pulls those of modalities that lag behind towards the prototype of their
    class, by the cross-entropy PCE, the more the further behind they are:
    :func:`~mmbalance_plugin.functional.pmr_coefficients`. The entropy H of
    the leading one is raised: :func:`~mmbalance_plugin.functional.\
pmr_entropy_weights`. A class that was not drawn keeps its prototype; one
    that never was has none, and its samples no part in the loss. Origins and
    behaviour: docs/methods.md.

    Args:
        alpha (float): Factor on PCE; 1 or 2 (paper). Defaults to 1.
        mu (float): Factor on the entropy: 0.01 or 0.001 (paper). Defaults
            to 0 (released code).
        entropy_epochs (int, optional): First epochs of the stage that have
            the entropy. Defaults to None, all of them (a choice of this
            project).
        momentum (float): Share of the old prototypes in the new ones.
            Defaults to 0.2 (released code).
        share (float): Part of the training set, drawn anew each epoch, that
            prototypes are the means of. Defaults to 0.1 (released code).

    Raises:
        ValueError: An option is out of range.
        RuntimeError: Losses are asked for outside of
            :class:`StagedTrainLoop`, so that there are no prototypes.
    """

    fewest = 2

    def __init__(self,
                 alpha: float = 1.,
                 mu: float = 0.,
                 entropy_epochs: Optional[int] = None,
                 momentum: float = 0.2,
                 share: float = 0.1) -> None:
        if alpha < 0 or mu < 0 or not 0 <= momentum < 1 or not 0 < share <= 1:
            raise ValueError(
                'PMRLoss: alpha and mu must not be negative, momentum at '
                'least 0 and below 1, share above 0 and at most 1, got '
                f'{alpha}, {mu}, {momentum} and {share}')
        self.alpha = alpha
        self.mu = mu
        self.entropy_epochs = entropy_epochs
        self.momentum = momentum
        self.share = share
        self.prototypes: Dict[str, Tensor] = {}
        self.known: Dict[str, Tensor] = {}

    # ---- prototypes ----------------------------------------------------
    def before_batch(self, loop, index: int, data_batch: dict) -> None:
        """New prototypes, before an epoch's first batch."""
        if index:
            return
        epoch, dataset = current_epoch(), loop.dataloader.dataset
        if epoch == 0:  # Those of another stage are of other features.
            self.prototypes, self.known = {}, {}
        if self.share < 1:
            drawn = torch.randperm(
                len(dataset), generator=stream(run_seed(), 'pmr', epoch))
            size = max(1, round(self.share * len(dataset)))
            dataset = Subset(dataset, drawn[:size].tolist())
        self.update(
            loop.features('features for prototypes', dataset=dataset),
            loop.model.head.num_classes)

    def update(self, bank, num_classes: int) -> None:
        """Move the prototypes towards the class means of a bank's features.
        """
        member = nn.functional.one_hot(bank.targets, num_classes)
        for m, features in bank.features.items():
            members = member.to(features).T
            if m in bank.present:
                members = members * bank.present[m].to(features.device)
            counts = members.sum(dim=1, keepdim=True)
            means, seen = members @ features / counts.clamp(min=1), counts > 0
            if m in self.prototypes:
                old = self.prototypes[m].to(means)
                known = self.known[m].to(means.device)
                mixed = self.momentum * old + (1 - self.momentum) * means
                means = torch.where(known[:, None], mixed, means)
                means = torch.where(seen, means, old)
                seen = seen | known[:, None]
            self.prototypes[m], self.known[m] = means, seen[:, 0]

    # ---- the loss ------------------------------------------------------
    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        if not self.prototypes:
            raise RuntimeError('PMRLoss has no prototypes: they are computed '
                               'before each epoch of mmbalance_plugin.'
                               'StagedTrainLoop, which must run the training')
        own = {
            m: prototype_log_probs(
                feature, self.prototypes[m], self.known[m])
            for m, feature in record.features.items()
        }
        # Of classes without a prototype there is nothing to learn.
        usable = {m: self.known[m][record.targets] for m in own}
        true = {
            m: value.gather(1, record.targets[:, None])[:, 0].where(
                usable[m], 0.)
            for m, value in own.items()
        }
        losses = {
            m: record.mean(lambda x: -x.mean(), (m, ), value)
            for m, value in true.items()
        }
        coefficients, held_back = self._weights(record, true, usable)
        loss = self.alpha * sum(coefficients[m] * losses[m] for m in own)
        for m, weight in held_back.items():
            entropy = record.mean(_entropy, (m, ), own[m])
            loss = loss - self.mu * weight * entropy
        return dict(
            loss_pmr=loss,
            **per_modality(
                pce={m: value.detach() for m, value in losses.items()},
                pmr_coefficient=coefficients))

    @eager
    @torch.no_grad()
    def _weights(
        self, record: BatchRecord, true: Dict[str, Tensor],
        usable: Dict[str, Tensor]
    ) -> Tuple[Dict[str, Tensor], Dict[str, Tensor]]:
        """Of PCE and, where there is any, of H; from mean scores of the
        samples that have the modality."""
        totals, sizes = record.global_sums({
            m: value.exp().where(usable[m], 0.)
            for m, value in true.items()
        })
        coefficients = pmr_coefficients(
            {m: totals[m] / sizes[m].clamp(min=1) for m in totals})
        if not self.mu or (self.entropy_epochs is not None
                           and current_epoch() >= self.entropy_epochs):
            return coefficients, {}
        return coefficients, pmr_entropy_weights(coefficients)

    def state_dict(self) -> Dict[str, Any]:
        return dict(prototypes=self.prototypes, known=self.known)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.prototypes = dict(state['prototypes'])
        self.known = dict(state['known'])


def _entropy(log_probs: Tensor) -> Tensor:
    return -(log_probs.exp() * log_probs).sum(dim=1).mean()
