"""Options that take one of a few values."""
from typing import Any, Collection


def require_choice(name: str, value: Any, choices: Collection) -> None:
    """Refuse a value that is none of the choices.

    Raises:
        ValueError: It is none; says of what, and which there are.
    """
    if value not in choices:
        raise ValueError(f'{name} must be one of {tuple(choices)}, but got '
                         f'{value!r}')
