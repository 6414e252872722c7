"""The samplers' epochs, and the random generators of data-loading workers."""
import random

import numpy as np
import torch
from torch.utils.data import DataLoader


def set_sampler_epoch(dataloader: DataLoader, epoch: int) -> None:
    """Tell a loader's sampler, or its batch sampler's, the epoch."""
    for sampler in (dataloader.sampler,
                    getattr(dataloader.batch_sampler, 'sampler', None)):
        if sampler is not None and hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch)
            return


def seed_worker(worker_id: int) -> None:
    """Seed Python's and NumPy's generators from torch's worker seed.

    torch derives a worker's seed from the main process's generator, which
    the loop sets anew every epoch; so workers started in different epochs
    draw different numbers, and the same ones again after a resume.
    """
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)
