"""A mark on what stands in for a function of the toolkit."""
import functools
from typing import Any, Callable

_MARK = '_mmbalance_original'


def replaces(original: Callable) -> Callable[[Callable], Any]:
    """Decorator: as ``functools.wraps``, and :func:`is_replaced` knows it.

    Args:
        original (Callable): What the decorated function stands in for; it
            stays within reach as ``_mmbalance_original``.
    """

    def decorate(function: Callable) -> Any:
        replacement = functools.wraps(original)(function)
        setattr(replacement, _MARK, original)
        return replacement

    return decorate


def is_replaced(function: Any) -> bool:
    """Whether a function stands in for another one already."""
    return hasattr(function, _MARK)
