"""What a component may know of the run it is part of, without the runner.

MMEngine's runner and hooks publish it in the message hub. Outside of a
runner there is nothing to read, and each answer has a fallback.
"""
from typing import Optional, Tuple

import torch
from mmengine.dist import broadcast_object_list
from mmengine.logging import MessageHub


def run_seed() -> int:
    """The run's seed, the same on all ranks.

    A collective where there is more than one rank: with MMEngine's
    ``diff_rank_seed=True`` each rank has a seed of its own, and rank 0's
    counts. After a resume it is the seed the run was started with.

    Returns:
        int: The seed; torch's initial seed outside of a runner.
    """
    info = MessageHub.get_current_instance().runtime_info
    seed = [info.get('seed')]
    if seed[0] is None:
        seed[0] = torch.initial_seed()
    broadcast_object_list(seed)
    return seed[0]


def current_epoch() -> int:
    """The running epoch, counted from 0.

    Returns:
        int: That of the stage, where the loop tells it ('stage_epoch' in the
        message hub), else the runner's; 0 outside of a runner.
    """
    info = MessageHub.get_current_instance().runtime_info
    return info.get('stage_epoch', info.get('epoch', 0))


def current_iter() -> int:
    """The running iteration over all epochs, counted from 0.

    Returns:
        int: As :func:`current_epoch`, with 'stage_iter'.
    """
    info = MessageHub.get_current_instance().runtime_info
    return info.get('stage_iter', info.get('iter', 0))


class BatchPlace:
    """Where in the run each batch stands, for draws that a resumed run makes
    again."""

    def __init__(self) -> None:
        self.last: Optional[Tuple[int, int, int, int]] = None

    def advance(self) -> Tuple[int, int, int, int]:
        """Of the next batch: the run's seed, epoch, iteration, and which
        batch of the iteration it is.

        The last counts batches where nobody tells the iteration, as outside
        of a runner.
        """
        last = self.last
        here = (run_seed() if last is None else last[0], current_epoch(),
                current_iter())
        again = last[3] + 1 if last is not None and last[:3] == here else 0
        self.last = (*here, again)
        return self.last


def epoch_share() -> float:
    """How much of the running epoch is over.

    Returns:
        float: b / B in its batch b of B, from 0; the run's share under
        MMEngine's iteration-based loop, 0 outside of a runner.
    """
    info = MessageHub.get_current_instance().runtime_info
    if not info.get('max_iters'):
        return 0.
    batches = info['max_iters'] // info['max_epochs']
    return current_iter() % batches / batches
