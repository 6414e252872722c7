"""What the anchor adds to a follower's objective."""
from typing import Dict, Optional, Sequence

import torch
from mmengine.dist import get_world_size
from torch import Tensor, nn

from ...models.presence import Presence
from ...utils.eager import eager
from .anchor_cache import AnchorCache

TERMS = ('con', 'com')


class AnchorGuidance(nn.Module):
    """The interaction terms of UDI's phase 2, for one follower.

    alpha_con * JS(yhat^a || yhat^m) + alpha_com * vCLUB(phi^a; phi^m), both
    optional. The anchor runs without gradient, in eval mode, or is read
    from a cache. The module stays outside the recognizer: its estimator is
    no part of the model and unknown to DDP.

    Args:
        anchor (str): Anchor modality.
        follower (str): The modality that trains.
        consistency (nn.Module | None): Takes (anchor logits, follower
            logits).
        complementarity (nn.Module | None): Takes (anchor features,
            follower features); see :class:`CLUBLoss`.
        alphas (dict[str, float]): Start weights of 'con' and 'com'.
    """

    def __init__(self, anchor: str, follower: str,
                 consistency: Optional[nn.Module],
                 complementarity: Optional[nn.Module],
                 alphas: Dict[str, float]) -> None:
        super().__init__()
        self.anchor, self.follower = anchor, follower
        self.consistency = consistency
        self.complementarity = complementarity
        self.alphas = dict(alphas)
        self.cache: Optional[AnchorCache] = None

    def terms(self,
              model: nn.Module,
              inputs: Dict[str, Tensor],
              features: Dict[str, Tensor],
              logits: Dict[str, Tensor],
              data_samples: Sequence,
              update_estimator: bool = True,
              present: Optional[Presence] = None) -> Dict[str, Tensor]:
        """The unweighted terms of one batch.

        They are about samples that have both the anchor and the follower.
        Of the others consistency is 0; the bound knows nothing of them.

        Args:
            model (MultimodalRecognizer): Runs the anchor where no cache
                holds its outputs.
            inputs (dict[str, Tensor]): The batch's inputs.
            features (dict[str, Tensor]): Follower features (B, D_m).
            logits (dict[str, Tensor]): Follower logits (B, C).
            data_samples (Sequence): For their ``sample_idx``.
            update_estimator (bool): Whether Q_phi takes its steps first.
                Defaults to True.
            present (Presence, optional): Who has what. Defaults to None:
                every sample has everything.

        Returns:
            dict[str, Tensor]: 'con' and 'com', scalars, where in use.
        """
        if self.cache is not None:
            anchor_features, anchor_logits = self.cache.look_up(data_samples)
        else:
            with torch.no_grad():
                feats = model.extract_feat(inputs, (self.anchor, ), present)
                anchor_features = feats[self.anchor]
                anchor_logits = model.head.unimodal_logits(
                    feats, (self.anchor, ))[self.anchor]
        pairs = dict(
            con=(anchor_logits, logits[self.follower]),
            com=(anchor_features, features[self.follower]))
        terms = {}
        if self.consistency is not None:
            terms['con'] = self.consistency(*pairs['con']) \
                if present is None else present.mean(
                    self.consistency, (self.anchor, self.follower),
                    *pairs['con'])
        if self.complementarity is not None:
            terms['com'] = self._complementarity(
                *pairs['com'], present, update_estimator)
        return terms

    def _complementarity(self, anchor: Tensor, follower: Tensor,
                         present: Optional[Presence],
                         update_estimator: bool) -> Tensor:
        if present is not None:
            both = self.anchor, self.follower
            anchor = present.take(anchor, *both)
            follower = present.take(follower, *both)
            # Other ranks may have some, and wait in its collectives.
            waited_for = get_world_size() > 1 and getattr(
                self.complementarity, 'collective', False)
            if not len(follower) and not waited_for:
                return follower.sum()
        return self.complementarity(
            anchor, follower, update_estimator=update_estimator)

    @eager
    def forward(self, model: nn.Module, inputs: Dict[str, Tensor],
                features: Dict[str, Tensor], logits: Dict[str, Tensor],
                targets: Tensor, data_samples: Sequence) -> Dict[str, Tensor]:
        """Weighted terms under loss names; the recognizer adds them."""
        terms = self.terms(
            model,
            inputs,
            features,
            logits,
            data_samples,
            present=model.batch_present)
        return {
            f'loss_{name}_{self.follower}': self.alphas[name] * term
            for name, term in terms.items()
        }
