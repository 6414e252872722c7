"""One classifier for all modalities: MLA's head."""
from typing import Dict, Optional

import torch
from torch import Tensor, nn

from mmbalance_plugin.functional import mla_projection, mla_weights
from mmbalance_plugin.functional._tensors import at_least_float32
from mmbalance_plugin.functional.fusion import pool_weighted
from mmbalance_plugin.registry import MODELS

from .base import MultimodalHead


@MODELS.register_module()
class MLAHead(MultimodalHead):
    """One linear classifier that all modalities share.

    To be trained by :class:`MLA`, modality by modality. The fused prediction
    is the mean of the modalities' probabilities, weighted in each sample by
    how sure they are: :func:`~mmbalance_plugin.functional.mla_weights`. What
    a sample lacks is left out of it. No gradient goes through the weights.

    Args:
        num_classes (int): Number of classes.
        in_channels (dict[str, int]): Channels of each modality's feature,
            the same for all.
        kwargs: See :class:`MultimodalHead`.

    Attributes:
        projection (Tensor): MLA's P, (D, D), saved in checkpoints.
        turns (Tensor): How many gradients were corrected, saved too.

    Raises:
        ValueError: The features differ in width.
    """

    def __init__(self, num_classes: int, in_channels: Dict[str, int],
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        if len(set(self.in_channels.values())) > 1:
            raise ValueError(
                'MLAHead has one classifier for all modalities, whose '
                f'features must be of one width, but got {self.in_channels}; '
                'set proj_channels of the encoders')
        width = next(iter(self.in_channels.values()))
        self.fc = nn.Linear(width, num_classes)
        self.register_buffer('projection', torch.eye(width))
        self.register_buffer('turns', torch.tensor(0))

    def forward(self, features: Dict[str, Tensor]) -> Tensor:
        return self.fused_logits(features)

    def fused_logits(
            self,
            features: Dict[str, Tensor],
            present: Optional[Dict[str, Tensor]] = None) -> Tensor:
        """Log-probabilities of the mixture."""
        logits = self.unimodal_logits(features, self.modalities)
        with torch.no_grad():
            weights = mla_weights({
                m: at_least_float32(z).softmax(dim=1)
                for m, z in logits.items()
            })
        return pool_weighted(logits, torch.stack(list(weights.values())),
                             'probs', present)

    def own_logits(self, name: str, feature: Tensor) -> Tensor:
        """What the classifier says of the feature."""
        return self.fc(feature)

    @torch.no_grad()
    def correct(self, gradient: Tensor, mean: Tensor, alpha: float) -> Tensor:
        """Take a turn's feature into P, and the gradient through it.

        The first gradient passes as it is, and leaves P the identity. P
        takes no number that is not finite, as under AMP it may come.

        Args:
            gradient (Tensor): Of the classifier's weight, (C, D).
            mean (Tensor): The modality's mean feature (D, ).
            alpha (float): See :func:`~mmbalance_plugin.functional.\
mla_projection`.

        Returns:
            Tensor: The gradient to be applied, (C, D).
        """
        new = mla_projection(self.projection, mean, alpha)
        taken = (self.turns > 0) & new.isfinite().all()
        self.projection.copy_(torch.where(taken, new, self.projection))
        self.turns += 1
        return gradient @ self.projection.T.to(gradient.dtype)
