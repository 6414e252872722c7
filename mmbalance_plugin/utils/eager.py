"""Keeping Python's own work out of compiled code."""
import torch

# torch.compiler.disable, but without the import of the compiler, more than a
# second, before the first call: training pays it in its first update anyway,
# inference never.
_disable = getattr(torch, '_disable_dynamo', None) or torch.compiler.disable


def eager(function):
    """Decorate what ``torch.compile`` is not to trace.

    For reading data samples, drawing from seeded generators, talking to the
    message hub: work on Python objects, whose every value would become a
    guard, and every new value a compilation.

    Args:
        function (Callable): A function or method of the training step.

    Returns:
        Callable: The same to its callers.
    """
    return _disable(function)
