"""Mean losses on a whole split."""
from typing import Any, Dict, Iterable, Tuple

import torch
from mmengine.dist import broadcast_object_list
from torch.utils.data import DataLoader

from ...models.modes import evaluating
from ...models.objectives import BatchRecord, ObjectiveTerm
from ...models.presence import Presence
from ...models.recognizers import MultimodalRecognizer
from ..features import feature_bank

Pairs = Dict[str, Tuple[float, float]]


@torch.no_grad()
def split_losses(model: MultimodalRecognizer,
                 dataloader: DataLoader,
                 terms: Iterable[ObjectiveTerm],
                 dataset: Any = None) -> Dict[str, float]:
    """What terms say of a split as if it were one batch, in eval mode.

    One pass of all ranks over the split, see :func:`feature_bank`; every
    sample counts once, and all ranks get the same numbers. The terms must
    need features alone, of active modalities, and no inputs or samples.
    """
    bank = feature_bank(model, dataloader, model.active, True,
                        'losses on a split', dataset)
    present = None
    if bank.present:
        present = Presence(
            len(bank.targets), {
                m: mask.nonzero().flatten().tolist()
                for m, mask in bank.present.items()
            },
            device=bank.targets.device)
    record = BatchRecord(model, {}, (), bank.targets, bank.features, present)
    with evaluating(model):
        losses = [{
            name: float(loss)
            for term in terms for name, loss in term(record).items()
        }]
    # The same but for the last bits, where cards differ.
    broadcast_object_list(losses)
    return losses[0]
