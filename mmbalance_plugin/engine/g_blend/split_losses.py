"""Mean losses over a whole split."""
from logging import Logger
from typing import Dict, Iterable, Optional

import torch
from mmengine.dist import broadcast_object_list
from torch import nn
from torch.utils.data import DataLoader

from ...models.modes import evaluating
from ...models.objectives import BatchRecord, ObjectiveTerm
from ...models.presence import Presence
from ..features import feature_bank


@torch.no_grad()
def split_losses(model: nn.Module,
                 dataloader: DataLoader,
                 terms: Iterable[ObjectiveTerm],
                 logger: Optional[Logger] = None,
                 title: str = 'losses') -> Dict[str, float]:
    """What terms say of a split as if it were one batch, in eval mode.

    One pass of all ranks over the split; every sample counts once, and all
    ranks get the same numbers.

    Args:
        model (MultimodalRecognizer): The bare model; its active modalities
            are encoded.
        dataloader (DataLoader): Of the split, see :func:`feature_bank`.
        terms (Iterable[ObjectiveTerm]): That need features alone, and no
            inputs or samples.
        logger (Logger, optional): Where progress goes. Defaults to None,
            nowhere.
        title (str): Name of the work in the progress lines.

    Returns:
        dict[str, float]: Losses by name.
    """
    bank = feature_bank(
        model,
        dataloader,
        model.active,
        features=True,
        logger=logger,
        title=title)
    present = None
    if bank.present:
        rows = {
            m: mask.nonzero().flatten().tolist()
            for m, mask in bank.present.items()
        }
        present = Presence(
            len(bank.targets), rows, device=bank.targets.device)
    record = BatchRecord(model, {}, (), bank.targets, bank.features, present)
    with evaluating(model):
        losses = [{
            name: float(loss)
            for term in terms for name, loss in term(record).items()
        }]
    # The same but for the last bits, where cards differ.
    broadcast_object_list(losses)
    return losses[0]
