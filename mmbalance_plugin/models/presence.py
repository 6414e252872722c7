"""Batches of which some samples lack a modality."""
from typing import Dict, Iterable, List, Mapping, Sequence, Tuple

import torch
from torch import Tensor

from mmbalance_plugin.utils.transfer import to_device


class Presence:
    """Which samples of a batch have which modality.

    The data preprocessor makes one for a batch of which a sample lacks
    something; for any other batch there is none, and nothing here runs. How
    many samples have a modality is known on the host, so nothing waits for
    the device.

    Args:
        size (int): Number of samples B.
        rows (dict[str, Sequence[int]]): For each modality that a sample
            lacks, the samples that have it, in ascending order.
        device (torch.device | str): Where the masks go. Defaults to 'cpu'.

    Attributes:
        size (int): Number of samples B.
        masks (dict[str, Tensor]): For the same modalities, where it is
            there: bool, (B, ), on the device.
    """

    def __init__(self,
                 size: int,
                 rows: Mapping[str, Sequence[int]],
                 device='cpu') -> None:
        self.size = size
        self._rows = {name: tuple(there) for name, there in rows.items()}
        masks = torch.zeros(len(rows), size, dtype=torch.bool)
        for mask, there in zip(masks, self._rows.values()):
            mask[list(there)] = True
        masks = to_device(masks, device)
        self.masks: Dict[str, Tensor] = dict(zip(rows, masks))
        self._device = masks.device
        self._index: Dict[Tuple[int, ...], Tensor] = {}

    def lacks(self, name: str) -> bool:
        """Whether some sample lacks a modality."""
        return name in self._rows

    def count(self, *names: str) -> int:
        """How many samples have all of some modalities."""
        return len(self._common(names))

    def take(self, value: Tensor, *names: str) -> Tensor:
        """The rows of samples that have all of some modalities.

        Args:
            value (Tensor): Shape (B, ...).
            names (str): The modalities.

        Returns:
            Tensor: Shape (count(*names), ...); ``value`` itself where all
            samples have them.
        """
        if not any(map(self.lacks, names)):
            return value
        return value.index_select(0, self._on_device(self._common(names)))

    def spread(self, value: Tensor, name: str) -> Tensor:
        """Put rows of the samples that have a modality in their places.

        Args:
            value (Tensor): Shape (count(name), ...).
            name (str): The modality.

        Returns:
            Tensor: Shape (B, ...), zeros for the other samples.
        """
        if not self.lacks(name):
            return value
        zeros = value.new_zeros(self.size, *value.shape[1:])
        return zeros.index_copy(0, self._on_device(self._rows[name]), value)

    def mask(self, name: str) -> Tensor:
        """Where a modality is there: bool, (B, ), on the device."""
        everywhere = torch.ones(
            self.size, dtype=torch.bool, device=self._device)
        return self.masks.get(name, everywhere)

    def names_of(self, modalities: Iterable[str]) -> List[Tuple[str, ...]]:
        """What each sample has, from the host's knowledge alone.

        Args:
            modalities (Sequence[str]): Those in question.

        Returns:
            list[tuple[str]]: For each sample those of them that it has.
        """
        there = {name: set(rows) for name, rows in self._rows.items()}
        return [
            tuple(m for m in modalities if m not in there or i in there[m])
            for i in range(self.size)
        ]

    def _common(self, names: Sequence[str]) -> Tuple[int, ...]:
        common = set(range(self.size)).intersection(
            *(self._rows[name] for name in names if name in self._rows))
        return tuple(sorted(common))

    def _on_device(self, rows: Tuple[int, ...]) -> Tensor:
        if rows not in self._index:
            self._index[rows] = to_device(
                torch.tensor(rows, dtype=torch.long), self._device)
        return self._index[rows]
