"""How AVDigits pairs are made, as pure functions of arrays.

Nothing here reads a file: :class:`AVDigitsDataset` does, and calls these.
Every random draw has its own generator, so that the audio of a pair does
not depend on whether its image is asked for, nor one split on another.
"""
from typing import Dict, Tuple

import numpy as np


def split_by_class(labels: np.ndarray, shares: Dict[str, float],
                   rng: np.random.Generator) -> Dict[str, np.ndarray]:
    """Split samples at random, every class in the same proportions.

    Args:
        labels (ndarray): Classes, ``(n, )``.
        shares (Dict[str, float]): Split -> share; the shares sum to 1.
            Sizes are rounded, the last split takes what is left.
        rng (Generator): Source of the permutations.

    Returns:
        Dict[str, ndarray]: Split -> sorted indices; disjoint, and together
        all samples.
    """
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f'The shares {shares} do not sum to 1.')
    parts: Dict[str, list] = {name: [] for name in shares}
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        ends = np.rint(np.cumsum(list(shares.values())) *
                       len(members)).astype(int)
        for name, part in zip(shares, np.split(members, ends[:-1])):
            parts[name].append(part)
    return {name: np.sort(np.concatenate(p)) for name, p in parts.items()}


def pair_labels(count: int, classes: int,
                rng: np.random.Generator) -> np.ndarray:
    """Classes of the pairs: equally many of each, in random order.

    Returns:
        ndarray: int64 ``(count, )``.
    """
    return rng.permutation(np.arange(count, dtype=np.int64) % classes)


def draw_members(wanted: np.ndarray, labels: np.ndarray,
                 rng: np.random.Generator) -> np.ndarray:
    """Draw for every pair a sample of its class.

    A class's samples are used up in random order before any of them is
    used again, so each backs about equally many pairs.

    Args:
        wanted (ndarray): Classes of the pairs, ``(n, )``.
        labels (ndarray): Classes of the samples, ``(m, )``.
        rng (Generator): Source of the orders.

    Returns:
        ndarray: int64 ``(n, )``, indices into ``labels``.
    """
    drawn = np.empty(len(wanted), dtype=np.int64)
    for label in np.unique(wanted):
        members = np.flatnonzero(labels == label)
        if not len(members):
            raise ValueError(f'There is no sample of class {label}.')
        places = np.flatnonzero(wanted == label)
        rounds = -(-len(places) // len(members))
        order = [rng.permutation(members) for _ in range(rounds)]
        drawn[places] = np.concatenate(order)[:len(places)]
    return drawn


def resample_frames(frames: np.ndarray, lengths: np.ndarray,
                    size: int) -> np.ndarray:
    """Bring recordings of any length to the same number of frames.

    Linear interpolation at ``size`` evenly spaced times, the first and the
    last frame included.

    Args:
        frames (ndarray): All recordings one after the other,
            ``(sum of lengths, C)``.
        lengths (ndarray): Frames of each recording, ``(n, )``.
        size (int): Frames wanted, at least 2.

    Returns:
        ndarray: float32 ``(n, C, size)``.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    times = np.linspace(0, 1, size)[None] * (lengths[:, None] - 1)
    left = np.minimum(times.astype(np.int64), lengths[:, None] - 1)
    right = np.minimum(left + 1, lengths[:, None] - 1)
    weight = (times - left)[..., None]
    left, right = left + starts[:, None], right + starts[:, None]
    mixed = frames[left] * (1 - weight) + frames[right] * weight
    return mixed.transpose(0, 2, 1).astype(np.float32)


def channel_statistics(recordings: np.ndarray
                       ) -> Tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of every coefficient over recordings and time.

    Args:
        recordings (ndarray): ``(n, C, T)``.

    Returns:
        Tuple[ndarray, ndarray]: float32 ``(C, 1)`` each.
    """
    mean = recordings.mean((0, 2), dtype=np.float64)[:, None]
    std = recordings.std((0, 2), dtype=np.float64)[:, None]
    return mean.astype(np.float32), std.astype(np.float32)


def reconstruct(scores: np.ndarray, mean: np.ndarray,
                components: np.ndarray) -> np.ndarray:
    """Images from their coordinates along a few principal components.

    Args:
        scores (ndarray): ``(n, K)``.
        mean (ndarray): ``(h * w, )``.
        components (ndarray): ``(K, h * w)``.

    Returns:
        ndarray: float32 ``(n, h * w)``.
    """
    images = np.repeat(mean[None], len(scores), axis=0)
    # Not a matrix product: its rounding depends on the number of threads,
    # and replicas must see the same bits.
    for score, component in zip(scores.T, components):
        images += score[:, None] * component
    return images


def reconstruction_statistics(scores: np.ndarray, mean: np.ndarray
                              ) -> Tuple[float, float]:
    """Mean and deviation of all pixels of :func:`reconstruct`'s images.

    Args:
        scores (ndarray): Coordinates of all training images, ``(n, K)``.
        mean (ndarray): Mean training image, ``(h * w, )``.

    Returns:
        Tuple[float, float]: From the variances along the components,
        without reconstructing anything.
    """
    mean = mean.astype(np.float64)
    variance = scores.var(0, dtype=np.float64).sum() / len(mean) + mean.var()
    return float(mean.mean()), float(variance**.5)


def add_noise(samples: np.ndarray, std: float,
              rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of one deviation, drawn once for every sample."""
    if std == 0:
        return samples
    noise = rng.standard_normal(samples.shape, dtype=np.float32)
    return samples + np.float32(std) * noise
