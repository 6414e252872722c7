"""Errors about the installed stack.

None of them is an :class:`ImportError`: MMEngine swallows those while it
looks a type up and would report "X is not in the registry" instead.
"""


class StackError(RuntimeError):
    """A package this plugin rests on is missing or cannot be used."""


class UnsafeCheckpointError(RuntimeError):
    """A checkpoint holds objects that safe loading refuses."""
