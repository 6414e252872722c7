"""Mean losses on training and on held-out data."""
from logging import Logger
from typing import Dict, Iterable, Optional, Tuple

import torch
from mmengine.dist import broadcast_object_list
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ...models.modes import evaluating
from ...models.objectives import BatchRecord, ObjectiveTerm
from ...models.presence import Presence
from ..features import feature_bank

Pairs = Dict[str, Tuple[float, float]]


def training_and_held_out(loop, terms: Iterable[ObjectiveTerm]) -> Pairs:
    """Losses on what the loop trains on, and on what it does not.

    Held out are the samples of the loop's ``hold_out``; where there are none,
    the validation data.

    Args:
        loop (StagedTrainLoop): Between two epochs.
        terms (Iterable[ObjectiveTerm]): See :func:`split_losses`.

    Returns:
        dict[str, tuple]: Losses by name, (training, held out).

    Raises:
        ValueError: There is neither.
    """
    terms, loader, dataset = tuple(terms), loop.dataloader, loop.held_out
    if dataset is None:
        if loop.runner.val_loop is None:
            raise ValueError(
                'G-Blending compares training with held-out data: drop '
                '--no-validate, or set train_cfg.hold_out=0.1, for example')
        loader = loop.runner.val_loop.dataloader
    found = [
        split_losses(loop.model, where, terms, data, loop.runner.logger,
                     f'losses on {split} data')
        for where, data, split in ((loop.dataloader, None, 'training'),
                                   (loader, dataset, 'held-out'))
    ]
    return {name: (loss, found[1][name]) for name, loss in found[0].items()}


@torch.no_grad()
def split_losses(model: nn.Module,
                 dataloader: DataLoader,
                 terms: Iterable[ObjectiveTerm],
                 dataset: Optional[Dataset] = None,
                 logger: Optional[Logger] = None,
                 title: str = 'losses') -> Dict[str, float]:
    """What terms say of a split as if it were one batch, in eval mode.

    One pass of all ranks over the split; every sample counts once, and all
    ranks get the same numbers.

    Args:
        model (MultimodalRecognizer): The bare model; its active modalities
            are encoded.
        dataloader (DataLoader): See :func:`feature_bank`.
        terms (Iterable[ObjectiveTerm]): That need features alone, and no
            inputs or samples.
        dataset (Dataset, optional): Defaults to None, the loader's.
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
        title=title,
        dataset=dataset)
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
