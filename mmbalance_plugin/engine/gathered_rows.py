"""Rows that the ranks compute in turns, put together as they come."""
from typing import Dict, Optional, Union

import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor


class GatheredRows:
    """A table of which rank r computes the rows r, r + world, r + 2 world...

    Its memory is taken once, at the first batch: what is needed beside it is
    one batch of all ranks.

    Args:
        count (int): Rows of the table.
        device (torch.device | str, optional): Where to keep it. Defaults to
            None: where the batches are.
    """

    def __init__(self,
                 count: int,
                 device: Optional[Union[str, torch.device]] = None) -> None:
        self.count = count
        self.device = device
        self._table = torch.empty(0)
        self._widths: Dict[str, int] = {}
        self._filled = 0

    def add(self, columns: Dict[str, Tensor]) -> None:
        """Add this rank's next rows; all ranks add as many.

        Args:
            columns (dict[str, Tensor]): By name, of one dtype, shape
                (B, width) each.
        """
        world = get_world_size()
        batch = torch.cat(list(columns.values()), dim=1)
        if world > 1:
            batch = torch.stack(all_gather(batch), dim=1).flatten(0, 1)
        if not self._widths:
            self._widths = {k: v.shape[1] for k, v in columns.items()}
            rounds = -(-self.count // world)
            self._table = torch.empty(
                rounds * world,
                batch.shape[1],
                dtype=batch.dtype,
                device=self.device or batch.device)
        end = self._filled + len(batch)
        self._table[self._filled:end] = batch
        self._filled = end

    def columns(self) -> Dict[str, Tensor]:
        """The columns by name: views of shape (count, width)."""
        parts = self._table[:self.count].split(
            list(self._widths.values()), dim=1)
        return dict(zip(self._widths, parts))
