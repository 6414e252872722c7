"""From the host to the device without waiting."""
from typing import List, Union

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: Union[str, torch.device]) -> Tensor:
    """Move a tensor; if that is from the host to a card, do not wait.

    A copy is asynchronous only from pinned memory, so the tensor goes
    through it. Its memory may be reused at once: torch's allocator of pinned
    memory keeps a block until the copies from it are done.

    Args:
        tensor (Tensor): On any device.
        device (str | torch.device): Where to.

    Returns:
        Tensor: The same one if it is there already.
    """
    device = torch.device(device)
    if tensor.device.type != 'cpu' or device.type == 'cpu':
        return tensor.to(device)
    if device.type == 'cuda' and not tensor.is_pinned():
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def stack_to_device(tensors: List[Tensor],
                    device: Union[str, torch.device]) -> Tensor:
    """Stack tensors of the host and move them as :func:`to_device` does.

    The batch is put together in pinned memory, where ``torch.stack`` would
    take pageable memory even for pinned tensors.

    Args:
        tensors (List[Tensor]): Of one shape.
        device (str | torch.device): Where to.

    Returns:
        Tensor: The batch, on ``device``.
    """
    device, first = torch.device(device), tensors[0]
    if device.type != 'cuda' or first.device.type != 'cpu':
        return to_device(torch.stack(tensors), device)
    batch = torch.empty((len(tensors), *first.shape), dtype=first.dtype,
                        pin_memory=True)
    return to_device(torch.stack(tensors, out=batch), device)
