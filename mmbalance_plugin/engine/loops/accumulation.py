"""Gradient accumulation that starts afresh in each epoch."""


def leftover(loop) -> int:
    """A loop's batches per epoch beyond a multiple of the accumulation."""
    return len(loop.dataloader) % getattr(loop.runner.optim_wrapper,
                                          '_accumulative_counts', 1)


def begin_accumulation(loop, epoch: int, epochs: int) -> None:
    """Count a stage's batches so that no update spans two epochs.

    With batches left over, each epoch ends its count, and the next one
    starts at a multiple of the accumulation: updates stay numbered through
    the stage.

    Args:
        loop (StagedTrainLoop): In the stage.
        epoch (int): Epochs of the stage that are over.
        epochs (int): Epochs of the stage.
    """
    wrapper, steps = loop.runner.optim_wrapper, len(loop.dataloader)
    begin, end = epoch * steps, epochs * steps
    over = leftover(loop)
    if over:
        begin += epoch * (wrapper._accumulative_counts - over)
        end = begin + steps
    wrapper.initialize_count_status(loop.runner.model, begin, end)
