"""Names of modalities."""
from typing import Iterable, Tuple

from torch import nn


def check_modality_names(names: Iterable[str], owner: str) -> Tuple[str, ...]:
    """Check that names can serve as keys of modules and of metrics.

    Args:
        names (Iterable[str]): Names of the modalities.
        owner (str): Who asks, for the error message.

    Returns:
        tuple[str]: The names, in their order.

    Raises:
        ValueError: There is no name, or one is empty, not a string, holds a
            '.' or '/', or is the name of an attribute of modules (such as
            'train'), which PyTorch cannot use as the key of a sub-module.
    """
    names = tuple(names)
    if not names:
        raise ValueError(f'{owner} needs at least one modality')
    for name in names:
        if not isinstance(name, str) or not name or set(name) & set('./ '):
            raise ValueError(
                f'{owner}: {name!r} cannot be the name of a modality; use a '
                "non-empty string without '.', '/' and spaces")
        if hasattr(nn.ModuleDict, name) or hasattr(nn.ModuleDict(), name):
            raise ValueError(
                f"{owner}: a modality cannot be called '{name}', because "
                'modules have an attribute of that name; rename it (the '
                'collect_keys of the packing too)')
    return names
