"""From the host to the device without waiting."""
from typing import Sequence, Union

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: Union[str, torch.device]) -> Tensor:
    """Move a tensor; if that is from the host to a card, do not wait.

    A copy is asynchronous only from pinned memory, so the tensor goes
    through it. Its memory may be reused at once: torch's allocator of pinned
    memory keeps a block until the copies from it are done.
    """
    device = torch.device(device)
    if tensor.device.type != 'cpu' or device.type == 'cpu':
        return tensor.to(device)
    if device.type == 'cuda' and not tensor.is_pinned():
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def stack_for(device: Union[str, torch.device],
              tensors: Sequence[Tensor]) -> Tensor:
    """Stack tensors where a copy to a device can start from at once.

    Args:
        device (str | torch.device): Where the batch will go.
        tensors (Sequence[Tensor]): Of one shape.

    Returns:
        Tensor: The batch; of tensors on the host, in pinned memory if a card
        is its target. ``torch.stack`` alone would take pageable memory even
        for pinned tensors.
    """
    first = tensors[0]
    if torch.device(device).type != 'cuda' or first.device.type != 'cpu':
        return torch.stack(tuple(tensors))
    batch = torch.empty((len(tensors), *first.shape),
                        dtype=first.dtype,
                        pin_memory=True)
    return torch.stack(tuple(tensors), out=batch)
