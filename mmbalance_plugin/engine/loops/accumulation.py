"""Gradient accumulation that starts afresh in each epoch."""
from mmengine.optim import OptimWrapper
from torch import nn


def leftover(wrapper: OptimWrapper, steps: int) -> int:
    """An epoch's batches beyond a multiple of the accumulation.

    Args:
        wrapper (OptimWrapper): Tells how many batches make an update.
        steps (int): Batches per epoch.
    """
    return steps % getattr(wrapper, '_accumulative_counts', 1)


def begin_accumulation(wrapper: OptimWrapper, model: nn.Module, steps: int,
                       epoch: int, epochs: int) -> None:
    """Count a stage's batches so that no update spans two epochs.

    With batches left over, each epoch ends its count, and the next one
    starts at a multiple of the accumulation: updates stay numbered through
    the stage.

    Args:
        wrapper (OptimWrapper): Of the stage.
        model (nn.Module): That the runner holds.
        steps (int): Batches per epoch.
        epoch (int): Epochs of the stage that are over.
        epochs (int): Epochs of the stage.
    """
    begin, end = epoch * steps, epochs * steps
    over = leftover(wrapper, steps)
    if over:
        begin += epoch * (wrapper._accumulative_counts - over)
        end = begin + steps
    wrapper.initialize_count_status(model, begin, end)
