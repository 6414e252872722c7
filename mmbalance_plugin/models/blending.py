"""Blended samples with blended labels."""
from typing import Dict, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from torch import Tensor

from mmbalance_plugin.functional import cutmix, mixup
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice
from mmbalance_plugin.utils.eager import eager
from mmbalance_plugin.utils.run_state import BatchPlace
from mmbalance_plugin.utils.streams import stream_seed
from mmbalance_plugin.utils.transfer import to_device

from .presence import Presence


@MODELS.register_module()
class Blending:
    """MixUp or CutMix of whole samples, as ``blending`` of the recognizer.

    In training each sample is blended with a partner of its batch. All its
    modalities are, with the same partner and the same lambda, and its label:
    the targets become probabilities (B, C). Methods whose formula does not
    hold for those are refused, see :func:`check_label_kinds`. MMAction2's
    blending in the preprocessor of one modality would draw another partner
    for each.

    Args:
        kind (str): 'mixup', the weighted mean of two samples, or 'cutmix', a
            box of one in the other: in the last two dimensions, rows and
            columns of pictures, frequencies and times of spectrograms.
            Defaults to 'mixup'.
        alpha (float): lambda is drawn once per batch from Beta(alpha,
            alpha). Defaults to 0.2, as in MMAction2.

    Note:
        Draws depend on the run's seed, epoch, iteration and rank: a resumed
        run draws the same. With accumulation each micro-batch is blended by
        itself. Nothing is blended in evaluation.

    Raises:
        ValueError: An option is out of range; or, in training, a sample
            lacks a modality, or one cannot be blended.
    """

    def __init__(self, kind: str = 'mixup', alpha: float = .2) -> None:
        require_choice('Blending: kind', kind, ('mixup', 'cutmix'))
        if alpha <= 0:
            raise ValueError(f'Blending: alpha must be positive, got {alpha}')
        self.kind = kind
        self.alpha = alpha
        self._place = BatchPlace()

    @eager
    def __call__(
        self,
        inputs: Dict[str, Tensor],
        targets: Tensor,
        num_classes: int,
        present: Optional[Presence] = None
    ) -> Tuple[Dict[str, Tensor], Tensor]:
        """Blend a batch.

        Args:
            inputs (dict[str, Tensor]): (B, ...) of each modality.
            targets (Tensor): Classes (B, ), or labels (B, C).
            num_classes (int): C.
            present (Presence, optional): Who has what. Defaults to None:
                every sample has everything.

        Returns:
            tuple: Blended inputs, and targets (B, C).
        """
        lacking = [m for m in inputs if present and present.lacks(m)]
        if lacking:
            raise ValueError(
                f'Blending: samples lack {lacking}, so what would their '
                'partners be blended with? Leave such samples out of the '
                "training data (missing='skip'), or blending")
        seed, *place = self._place.advance()
        draws = np.random.default_rng(
            stream_seed(seed, 'blending', *place, get_rank()))
        share = float(draws.beta(self.alpha, self.alpha))
        corner = tuple(draws.random(2).tolist())
        partners = to_device(
            torch.from_numpy(draws.permutation(len(targets))), targets.device)
        blended = {}
        for name, batch in inputs.items():
            if not batch.is_floating_point():
                raise ValueError(f"Blending: '{name}' is {batch.dtype}, and "
                                 'only floats have a mean')
            if self.kind == 'mixup':
                blended[name] = mixup(batch, partners, share)
            elif batch.ndim < 3:
                raise ValueError(
                    f"Blending: '{name}' has shape {tuple(batch.shape)}, in "
                    "which there is no box to cut: use kind='mixup'")
            else:
                blended[name] = cutmix(batch, partners, share, corner)
        if targets.ndim == 1:
            targets = F.one_hot(targets, num_classes)
        return blended, mixup(targets.float(), partners, share)
