"""Names that are one slip of the fingers apart."""
from typing import Iterable, Optional


def edits(one: str, other: str) -> int:
    """Letters to insert, drop, replace or swap with the next to get there."""
    before: list = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one):
        before, last, row = row, before, [i + 1]
        for j, b in enumerate(other):
            cost = min(before[j + 1] + 1, row[j] + 1, before[j] + (a != b))
            if i and j and a == other[j - 1] and one[i - 1] == b:
                cost = min(cost, last[j - 1] + 1)
            row.append(cost)
    return row[-1]


def near(name: str, known: Iterable[str]) -> Optional[str]:
    """The known name that a mistyped one was meant to be.

    Returns:
        str: The nearest within two edits, within one if either name is
        shorter than five letters, none if shorter than three. None if there
        is none, or if the name itself is known.
    """
    known = sorted(known)
    if name in known:
        return None
    distances = {}
    for candidate in known:
        length = min(len(name), len(candidate))
        limit = 2 if length >= 5 else int(length >= 3)
        if abs(len(name) - len(candidate)) <= limit:
            distance = edits(name, candidate)
            if distance <= limit:
                distances[candidate] = distance
    return min(distances, key=distances.__getitem__, default=None)
