"""Can every encoder take what the data give?"""
from typing import Any

import torch

from ...models.modes import evaluating
from ...models.recognizers import MultimodalRecognizer
from ...utils.streams import random_states_kept


def try_encoders(model: Any, dataloader: Any) -> None:
    """Encode a sample, before hours of a stage that needs only some encoders.

    Weights, statistics and random states stay as they are. Models that are
    no :class:`MultimodalRecognizer` are not tried.

    Args:
        model (nn.Module): Without wrappers.
        dataloader (DataLoader): Whose first sample it is.

    Raises:
        ValueError: An encoder gives other channels than it says, or an input
            has none.
        RuntimeError: One cannot take its input; the command line says which.
    """
    if not isinstance(model, MultimodalRecognizer):
        return
    dataset = dataloader.dataset
    with random_states_kept(), evaluating(model), torch.no_grad():
        # Twice: a norm without running statistics needs a batch.
        samples = dataset.__getitems__([0, 0]) if hasattr(
            dataset, '__getitems__') else [dataset[0]] * 2
        data = model.data_preprocessor(dataloader.collate_fn(samples), False)
        model.check_known(data['inputs'], 'there is no encoder for the inputs')
        for name, value in data['inputs'].items():
            model.encoders[name](value)
