"""Shims that make the installed OpenMMLab stack work as published.

One shim a module. Each acts only where a feature test says that it is
needed, names the upstream report it answers, and is covered by a test that
fails when the shim is taken away too early.
"""


def apply_shims() -> None:
    """Put every needed shim in place; safe to call more than once."""


__all__ = ['apply_shims']
