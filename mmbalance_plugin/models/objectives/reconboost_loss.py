"""ReconBoost's turn of a modality."""
from typing import TYPE_CHECKING, Dict

from torch import Tensor

from mmbalance_plugin.functional import reconboost_loss
from mmbalance_plugin.registry import MODELS

from .record import BatchRecord
from .term import ObjectiveTerm

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer


@MODELS.register_module()
class ReconBoostLoss(ObjectiveTerm):
    """One modality learns what the others do not know yet (2405.09321).

    For the one modality that the stage trains, as ``loss_boost_<m>``:
    :func:`~mmbalance_plugin.functional.reconboost_loss` against what the
    head makes of the others, which are frozen. :class:`ReconBoostTrainLoop`
    plans the turns and the corrections between them.

    Args:
        own (float): w_1. Defaults to 5 (released code, CREMA-D).
        shared (float): w_2, not above w_1. Defaults to 1 (released code).

    Note:
        The released code adds an agreement of the predictions without a
        gradient, hence nothing; it is left out. DDP, AMP, accumulation,
        clipping: as any loss, a mean over samples, in float32. No state. A
        sample that lacks the modality has no loss; others that it lacks are
        left out of what they say.

    Raises:
        ValueError: A weight is out of range, the stage trains not just one
            of several modalities, or the head cannot combine the others.
    """

    replaces_loss = True

    def __init__(self, own: float = 5., shared: float = 1.) -> None:
        if not 0 <= shared <= own or own == 0:
            raise ValueError('ReconBoostLoss: own must be positive, and '
                             f'shared from 0 to own, got {own} and {shared}')
        self.own, self.shared = own, shared

    def check(self, model: 'MultimodalRecognizer') -> None:
        if len(model.trained) != 1 or len(model.modalities) < 2:
            raise ValueError(
                'ReconBoostLoss is for a stage that trains one of several '
                f'modalities, not {list(model.trained)} of '
                f'{list(model.modalities)}')
        if not hasattr(model.head, 'fuse'):
            raise ValueError(
                'ReconBoostLoss needs a head that combines what branches say: '
                f'use DecisionHead, not {type(model.head).__name__}')

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        modality, = record.model.trained
        others = {m: z for m, z in record.unimodal.items() if m != modality}
        masks = None if record.present is None else {
            m: there
            for m, there in record.present.masks.items() if m in others
        }
        rest = record.model.head.fuse(others, masks)
        loss = record.mean(self._loss, (modality, ),
                           record.unimodal[modality], rest, record.targets)
        return {f'loss_boost_{modality}': loss}

    def _loss(self, logits: Tensor, rest: Tensor, targets: Tensor) -> Tensor:
        return reconboost_loss(logits, rest, targets, self.own, self.shared)
