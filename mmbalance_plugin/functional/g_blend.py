from typing import Dict, Mapping, Tuple


def g_blend_weights(
        start: Mapping[str, Tuple[float, float]],
        end: Mapping[str, Tuple[float, float]]) -> Dict[str, float]:
    r"""G-Blending's loss weights (CVPR 2020, arXiv 1905.12681).

    .. math::
        G = LV_{start} - LV_{end}, \quad
        O = (LV - LT)_{end} - (LV - LT)_{start}, \quad
        w \propto G / O^2, \; \sum w = 1

    Args:
        start (Mapping[str, tuple]): Name of a head (modalities and the fused
            one) to its mean (training, validation) loss at the start.
        end (Mapping[str, tuple]): The same n epochs later.

    Returns:
        Dict[str, float]: Weights that sum to 1. A head that got worse on
        validation (G < 0), which the paper does not cover, gets 0; where all
        did, all weights are 0 and the caller keeps its own.

    Raises:
        ValueError: Other heads in ``end`` than in ``start``.
    """
    if set(start) != set(end):
        raise ValueError(f'start has the heads {sorted(start)}, end '
                         f'{sorted(end)}')
    raw = {}
    for name, (train, val) in start.items():
        gain = max(0., val - end[name][1])
        overfit = (end[name][1] - end[name][0]) - (val - train)
        # No overfitting at all: as good as the smallest that can be told.
        raw[name] = gain / max(overfit**2, 1e-12)
    total = sum(raw.values())
    return {m: w / total if total else 0. for m, w in raw.items()}
