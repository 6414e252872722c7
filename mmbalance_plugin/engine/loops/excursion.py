"""Training for a while to see what comes of it, and going back."""
import copy
from contextlib import contextmanager
from typing import Callable, Iterator

from mmengine.dist import get_rank

from ...models.modes import named_values, values_kept
from ...utils.streams import random_states_kept, seed_everything
from .accumulation import begin_accumulation
from .seeding import set_sampler_epoch


@contextmanager
def excursion(loop) -> Iterator[Callable[[int], None]]:
    """Train in a block; afterwards the run goes on as if it had not been.

    Weights, buffers, optimiser, loss scale and random states are put back.
    Training is the loop's own, with the running stage's model and optimiser
    (DDP, mixed precision, accumulation and clipping included), on the
    batches and random numbers of the epochs that come next. Hooks do not
    see it: the learning rate stays, and nothing is logged, validated or
    saved. What it costs is counted.

    Args:
        loop (StagedTrainLoop): Between two epochs.

    Yields:
        Callable: ``train(epochs)``.
    """
    model, wrapper = loop.model, loop.runner.optim_wrapper
    state = copy.deepcopy(wrapper.state_dict())
    scores, model.score_mode = model.score_mode, None
    try:
        with random_states_kept(), values_kept(named_values(model).values()):
            yield lambda epochs: _train(loop, epochs)
    finally:
        model.score_mode = scores
        wrapper.load_state_dict(state)
        begin_accumulation(loop, loop.progress.epoch, loop.stage.epochs)


def _train(loop, epochs: int) -> None:
    runner, first = loop.runner, loop.progress.epoch
    for epoch in range(first, first + epochs):
        runner.model.train()
        seed_everything(runner.seed, 'train', epoch, get_rank())
        set_sampler_epoch(loop.dataloader, epoch)
        begin_accumulation(loop, epoch, first + epochs)
        for batch in loop.dataloader:
            runner.model.train_step(batch, runner.optim_wrapper)
