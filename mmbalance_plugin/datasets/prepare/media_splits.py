"""Splits that depend on names only, not on what happens to be on disk."""
import hashlib
from typing import Dict, Hashable, Iterable, List, Mapping, Tuple, TypeVar

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


def carve(labels: Mapping[str, str], share: float,
          salt: str) -> Dict[str, str]:
    """Take a share of training names for validation, evenly over classes.

    Args:
        labels (Mapping[str, str]): Name -> class.
        share (float): Of each class; at least one name of a class that has
            more than one.
        salt (str): See :func:`shuffled`.

    Returns:
        Dict[str, str]: Name -> ``'train'`` or ``'val'``.
    """
    members: Dict[str, List[str]] = {}
    for name, label in labels.items():
        members.setdefault(label, []).append(name)
    splits = dict.fromkeys(labels, 'train')
    for names in members.values():
        count = max(round(share * len(names)), int(len(names) > 1))
        splits.update(dict.fromkeys(shuffled(names, salt)[:count], 'val'))
    return splits


def other_counts(flag: str, train: int, test: int,
                 published: Mapping[str, int]) -> List[Tuple[str, str]]:
    """The problem of split files that are not the literature's, if so."""
    if dict(train=train, test=test) == published:
        return []
    return [(flag, f'count: {train} rows to train and {test} to test, the '
             f"literature's split has {published['train']} and "
             f"{published['test']}")]
