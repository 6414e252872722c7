"""The global random generators, and those of data-loading workers."""
import random
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from ...utils import stream_seed


def seed_everything(seed: int, purpose: str, *ids: Any) -> None:
    """Set torch's, NumPy's and Python's global generators to a stream.

    Draws of this package have streams of their own; this is for those of
    others: dropout, transforms, initialisation.
    """
    seed = stream_seed(seed, purpose, *ids)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def set_sampler_epoch(dataloader: DataLoader, epoch: int) -> None:
    """Tell a loader's sampler, or its batch sampler's, the epoch."""
    sampler = dataloader.sampler
    if not hasattr(sampler, 'set_epoch'):
        sampler = getattr(dataloader.batch_sampler, 'sampler', None)
    if hasattr(sampler, 'set_epoch'):
        sampler.set_epoch(epoch)


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
