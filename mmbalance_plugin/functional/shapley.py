"""Shapley values: dividing what all modalities reach together."""
from itertools import combinations
from math import comb
from typing import Collection, Dict, Iterable, List, Mapping, Tuple, Union

import torch
from torch import Tensor

from ._tensors import at_least_float32


def coalitions(modalities: Iterable[str]) -> List[Tuple[str, ...]]:
    """List every set of modalities, the empty one first, all of them last.

    Args:
        modalities (Iterable[str]): M names.

    Returns:
        list[tuple[str]]: The 2**M coalitions by size, each in the order of
        ``modalities``.
    """
    names = tuple(modalities)
    return [
        chosen for size in range(len(names) + 1)
        for chosen in combinations(names, size)
    ]


def shapley_values(values: Mapping[Collection[str], Union[Tensor, float]],
                   modalities: Iterable[str]) -> Dict[str, Tensor]:
    r"""Exact Shapley value of each modality in each game of a batch.

    .. math::
        \phi^m = \sum_{S \subseteq N \setminus \{m\}}
            \frac{|S|!\,(M - |S| - 1)!}{M!}\,
            \bigl(v(S \cup \{m\}) - v(S)\bigr)

    It is what a modality adds when it joins those that came before it, on
    average over all M! orders of arrival, and the only division that is
    efficient (the values add up to :math:`v(N) - v(\emptyset)`), symmetric,
    zero for a modality that never adds anything, and additive in v. A value
    is negative where a modality mostly does harm. From L. S. Shapley, "A
    value for n-person games", Contributions to the Theory of Games II,
    1953.

    Args:
        values (Mapping[Collection[str], Tensor | float]): v(S) for each of
            the 2**M coalitions, the empty one included; a key is a frozenset
            or a tuple of names in any order. Values have one shape (...),
            e.g. (B, ) for one game a sample.
        modalities (Iterable[str]): The M players.

    Returns:
        dict[str, Tensor]: Shapley values of shape (...) by modality, in
        float32 or better, differentiable in ``values``.

    Note:
        Exact, hence 2**M values: meant for the handful of modalities that a
        model has, not for pixels. Infinite values have no Shapley value.

    Raises:
        ValueError: Modalities repeat, or a coalition is missing, unknown or
            given twice, or shapes differ; the message names it.

    Examples:
        >>> v = {(): 0., ('audio', ): .5, ('visual', ): .1,
        ...      ('audio', 'visual'): .8}
        >>> shapley_values(v, ('audio', 'visual'))
        {'audio': tensor(0.6000), 'visual': tensor(0.2000)}
    """
    names = _check_names(modalities)
    table = _table(values, names)
    count = len(names)
    marginals, weights = [], []
    for player in range(count):
        without = [s for s in range(2**count) if not s >> player & 1]
        joined = [s | 1 << player for s in without]
        # Differences first: a modality that adds nothing gets exactly 0.
        marginals.append(table[joined] - table[without])
        weights.append([
            1 / (count * comb(count - 1, s.bit_count())) for s in without
        ])
    shape = (count, -1) + (1, ) * (table.ndim - 1)
    weight = table.new_tensor(weights).reshape(shape)
    shares = (weight * torch.stack(marginals)).sum(dim=1)
    return dict(zip(names, shares))


def _check_names(modalities: Iterable[str]) -> Tuple[str, ...]:
    names = tuple(modalities)
    unusable = isinstance(modalities, str) or not names
    if unusable or len(set(names)) < len(names):
        raise ValueError('modalities must be one or more different names, '
                         f'but got {modalities!r}')
    return names


def _table(values: Mapping[Collection[str], Union[Tensor, float]],
           names: Tuple[str, ...]) -> Tensor:
    """Stack the values to (2**M, ...); bit m of the index is modality m."""
    bits = {name: 1 << index for index, name in enumerate(names)}
    rows: Dict[int, Tensor] = {}
    for key, value in values.items():
        if isinstance(key, str):
            raise ValueError(f"the coalition '{key}' is a string; write a "
                             f"tuple or a frozenset, e.g. ('{key}', )")
        members = set(key)
        if not members <= set(names):
            raise ValueError(
                f'the coalition {_text(key)} has modalities that are not '
                f'among {list(names)}')
        index = sum(bits[name] for name in members)
        if index in rows:
            raise ValueError(f'the coalition {_text(key)} is given twice')
        rows[index] = at_least_float32(value)
    missing = [
        chosen for chosen in coalitions(names)
        if sum(bits[name] for name in chosen) not in rows
    ]
    if missing:
        raise ValueError(
            f'{len(missing)} of {2**len(names)} coalitions have no value: '
            + ', '.join(map(_text, missing[:8]))
            + (', ...' if len(missing) > 8 else ''))
    shapes = {tuple(value.shape) for value in rows.values()}
    if len(shapes) > 1:
        raise ValueError('the values of all coalitions must share one shape, '
                         f'but got {sorted(shapes)}')
    return torch.stack([rows[index] for index in range(2**len(names))])


def _text(coalition: Collection[str]) -> str:
    return '{' + ', '.join(map(str, sorted(coalition))) + '}'
