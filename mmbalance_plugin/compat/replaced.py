"""Putting a function in the place of one of the toolkit's."""
import functools
import inspect
from typing import Any, Callable

_MARK = '_mmbalance_original'
_KINDS = (staticmethod, classmethod, property)


def replace(owner: Any, name: str) -> Callable[[Callable], None]:
    """Decorator: from now on, this function is called there; once only.

    Args:
        owner (module | type): Where it is looked up.
        name (str): Of a function, method (static ones and those of the
            class, too) or property. The decorated function is called with
            the original and then its arguments. The original stays within
            reach as ``_mmbalance_original``.
    """

    def decorate(function: Callable) -> None:
        found = inspect.getattr_static(owner, name)
        kind = next((k for k in _KINDS if isinstance(found, k)), None)
        original = found.fget if kind is property else \
            found if kind is None else found.__func__
        if hasattr(original, _MARK):
            return

        @functools.wraps(original)
        def replacement(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(replacement, _MARK, original)
        setattr(owner, name, replacement if kind is None else
                kind(replacement))

    return decorate
