"""A card that is not there: meta tensors, and what would wait for them.

Tensors on torch's ``meta`` device hold no numbers and refuse to be mixed
with others, much as those of a card do. What would make the host wait for a
card is recorded, and answered with made-up numbers.
"""
from contextlib import contextmanager, nullcontext
from typing import Iterator, List
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode

CARD = 'meta'
aten = torch.ops.aten


class _Waits(TorchDispatchMode):

    def __init__(self) -> None:
        super().__init__()
        self.seen: List[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        source = next((a for a in args if isinstance(a, torch.Tensor)), None)
        if source is not None and source.is_meta:
            if func is aten._local_scalar_dense.default:
                self.seen.append('a number was read')
                return 1
            if func is aten.equal.default:
                self.seen.append('tensors were compared')
                return True
        if func is aten._to_copy.default:
            target = torch.device(kwargs.get('device') or source.device)
            self._copied(source.device, target, kwargs.get('non_blocking'))
            if source.is_meta and target.type != CARD:
                return torch.zeros(source.shape, dtype=source.dtype)
        if func is aten.copy_.default:
            self._copied(args[1].device, args[0].device, args[2:] == (True, ))
        return func(*args, **kwargs)

    def _copied(self, source, target, non_blocking) -> None:
        if source != target and not non_blocking:
            self.seen.append(f'copied from {source} to {target}')


@contextmanager
def waits_for_the_card() -> Iterator[List[str]]:
    """Record what the host would wait for in this block."""
    spy = _Waits()
    # Autocast does not know the device.
    with mock.patch.object(torch, 'autocast', lambda *a, **k: nullcontext()), \
            mock.patch.object(torch, 'is_autocast_enabled', lambda *a: False):
        with spy:
            yield spy.seen
