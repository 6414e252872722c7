"""Pairs exchanged within the class: what the pairing itself tells is gone."""
from typing import Any, Dict, Sequence

import numpy as np

from mmbalance_plugin.utils.streams import stream_seed


def exchanged_within_class(labels: np.ndarray, modalities: Sequence[str],
                           seed: int) -> Dict[str, np.ndarray]:
    """Say which sample each modality of a sample now comes from.

    The samples of a class are put into a random circle, and modality k of a
    sample is taken from the k-th sample after it: no two modalities of one
    sample stay together, and each modality keeps all its samples.

    Args:
        labels (ndarray): Classes, ``(n, )``.
        modalities (Sequence[str]): All of them; the first stays in place.
        seed (int): Of the circles; the same on all ranks.

    Returns:
        Dict[str, ndarray]: Modality -> ``(n, )``, positions of samples.

    Raises:
        ValueError: A class has fewer samples than there are modalities.
    """
    rng = np.random.default_rng(stream_seed(seed, 'pairing'))
    origin = {m: np.arange(len(labels)) for m in modalities}
    for label in np.unique(labels):
        circle = rng.permutation(np.flatnonzero(labels == label))
        if len(circle) < len(origin):
            raise ValueError(
                f"pairing='within_class': class {label} has {len(circle)} "
                f'training samples, too few to exchange {len(origin)} '
                'modalities')
        for step, modality in enumerate(modalities):
            origin[modality][circle] = np.roll(circle, -step)
    return origin


def sound_follows_picture(pipeline: Any) -> bool:
    """Whether transforms, as configs, cut the sound where frames of the
    picture were sampled: then it cannot be another clip's."""
    if isinstance(pipeline, dict):
        return pipeline.get('window') == 'frames' or sound_follows_picture(
            list(pipeline.values()))
    return isinstance(pipeline, (list, tuple)) and any(
        map(sound_follows_picture, pipeline))
