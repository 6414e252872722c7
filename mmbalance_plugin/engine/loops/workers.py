"""Random states of data-loading workers."""
import random

import numpy as np
import torch
from torch.utils.data import DataLoader


def seed_worker(worker_id: int) -> None:
    """Seed Python's and NumPy's generators from torch's worker seed.

    torch derives a worker's seed from the main process's generator, which
    the loop sets anew every epoch; so workers started in different epochs
    draw different numbers, and the same ones again after a resume.
    """
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)


def reseed_workers(dataloader: DataLoader) -> None:
    """Let a loader's workers start from the epoch's seed.

    mmengine's own initialiser seeds worker *w* with the same number in
    every epoch, so augmentations repeat from epoch to epoch.
    """
    dataloader.worker_init_fn = seed_worker
