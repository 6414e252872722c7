from typing import Dict, Tuple

import torch
from torch import Tensor, nn


class EpochAverage(nn.Module):
    """Means of named 0-d tensors over steps, kept on the device.

    The running sums are a buffer: they move with the module, and a run that
    is resumed within an epoch reports what an uninterrupted one would.

    Args:
        names (str): Of the values of a step.
    """

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names: Tuple[str, ...] = names
        self.register_buffer('sums', torch.zeros(len(names) + 1))

    @torch.no_grad()
    def update(self, **values: Tensor) -> None:
        """Add one step, unless one of its values is not finite."""
        row = torch.stack([values[name] for name in self.names])
        row = torch.cat([row, torch.ones_like(row[:1])])
        row = torch.where(row.isfinite().all(), row, torch.zeros_like(row))
        self.sums += row.to(self.sums)

    def pop(self) -> Tuple[Dict[str, float], int]:
        """Wait for the device, return the means and start anew.

        Returns:
            Tuple[Dict[str, float], int]: Name to mean, empty if no step was
            finite, and the number of steps that were.
        """
        *totals, count = self.sums.tolist()
        self.sums.zero_()
        if count == 0:
            return {}, 0
        return {n: t / count for n, t in zip(self.names, totals)}, int(count)
