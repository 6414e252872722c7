"""Splits that depend on names only, not on what happens to be on disk."""
import hashlib
from typing import Dict, Hashable, Iterable, List, Mapping, TypeVar

Name = TypeVar('Name', bound=Hashable)


def shuffled(names: Iterable[Name], salt: str) -> List[Name]:
    """Names in an order that looks random and is always the same.

    Args:
        names (Iterable): Their ``str`` decides.
        salt (str): Another order for another purpose.
    """

    def key(name: Name) -> bytes:
        return hashlib.sha256(f'{salt}/{name}'.encode()).digest()

    return sorted(set(names), key=key)


def carve(labels: Mapping[str, str], share: float, salt: str) -> List[str]:
    """Choose a share of names for validation, evenly over the classes.

    Args:
        labels (Mapping[str, str]): Name -> class.
        share (float): Of each class; at least one name of a class that has
            more than one.
        salt (str): See :func:`shuffled`.

    Returns:
        List[str]: The chosen names.
    """
    members: Dict[str, List[str]] = {}
    for name, label in labels.items():
        members.setdefault(label, []).append(name)
    chosen: List[str] = []
    for label in sorted(members):
        names = shuffled(members[label], salt)
        count = max(round(share * len(names)), int(len(names) > 1))
        chosen += names[:count]
    return chosen
