"""Errors about the installed stack and about checkpoints.

None of them is an :class:`ImportError`: MMEngine swallows those while it
looks a type up and would report "X is not in the registry" instead.
"""


class StackError(RuntimeError):
    """A package this plugin rests on is missing or cannot be used."""


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used; base of the kinds below."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint holds what could run code."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint file is not what was written, or none at all."""
