"""Can encoders and head take what the data give?"""
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
        ValueError: An encoder gives other channels than it says, an input
            has none, or the head gives other logits.
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
        features = {name: model.encoders[name](value)
                    for name, value in data['inputs'].items()}
        head = model.head
        if 'present' not in data and set(features) == set(head.in_channels):
            shape = tuple(head(features).shape)
            if shape != (2, head.num_classes):
                raise ValueError(
                    f'{type(head).__name__} gives logits of shape {shape} for '
                    f'2 samples, but num_classes={head.num_classes}')
