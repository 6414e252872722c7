"""Means that stay on the device until they are asked for."""
from typing import Dict, Tuple

import torch
from torch import Tensor, nn


class DeviceMeans(nn.Module):
    """Means of named 0-d tensors over steps, kept on the device.

    The running sums are a buffer: they move with the module, and a run that
    is resumed within an epoch reports what an uninterrupted one would.

    Args:
        names (str): Of the values of a step.
        finite_only (bool): Whether a step is left out if one of its values
            is not finite. Defaults to False.
    """

    sums: Tensor

    def __init__(self, *names: str, finite_only: bool = False) -> None:
        super().__init__()
        self.names, self.finite_only = names, finite_only
        self.register_buffer('sums', torch.zeros(len(names) + 1))

    @torch.no_grad()
    def update(self, **values: Tensor) -> None:
        """Add one step."""
        sums = self.sums
        one = sums.new_ones(())
        row = torch.stack([*(values[name].to(one) for name in self.names),
                           one])
        if self.finite_only:
            row = torch.where(row.isfinite().all(), row, 0.)
        sums += row

    def pop(self) -> Tuple[Dict[str, float], int]:
        """Wait for the device, return the means and start anew.

        Returns:
            Tuple[Dict[str, float], int]: Name to mean, empty if there was no
            step, and the number of steps.
        """
        *totals, count = self.sums.tolist()
        self.sums.zero_()
        if count == 0:
            return {}, 0
        return {n: t / count for n, t in zip(self.names, totals)}, int(count)
