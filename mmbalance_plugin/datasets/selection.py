"""Loading no more modalities than are wanted."""
from typing import Any, Dict, List, Optional, Sequence, Tuple

from torch.utils.data import DataLoader, Dataset


class SelectiveLoading:
    """Mixin of data sets that can leave modalities out.

    They do where their pipeline ends in :class:`PackMultimodalInputs`, which
    then packs only what is there; :class:`PerModality` runs only the
    transforms of what is wanted. Elsewhere everything is loaded as ever.

    Attributes:
        needed (tuple[str] | None): The wanted modalities; None means all.
            An item carries them to the pipeline as ``needed``.
    """

    needed: Optional[Tuple[str, ...]] = None
    pipeline: Any

    def need_only(self, modalities: Optional[Sequence[str]]) -> None:
        """Load only these modalities from now on; None for all."""
        last = self.pipeline.transforms[-1:]
        if last and getattr(last[0], 'selective', False):
            self.needed = None if modalities is None else tuple(modalities)

    def get_data_info(self, idx: int) -> Dict[str, Any]:
        """Return a sample as the pipeline receives it."""
        info = super().get_data_info(idx)  # type: ignore[misc]
        if self.needed is not None:
            info['needed'] = self.needed
        return info


def selective_parts(dataset: Dataset) -> List[SelectiveLoading]:
    """The data sets inside of MMEngine's wrappers that can leave things out.
    """
    found: List[SelectiveLoading] = []
    if isinstance(dataset, SelectiveLoading):
        found.append(dataset)
    for inner in (*getattr(dataset, 'datasets', ()),
                  getattr(dataset, 'dataset', None)):
        if inner is not None:
            found += selective_parts(inner)
    return found


def need_only(dataset: Dataset, modalities: Optional[Sequence[str]]) -> None:
    """Let a data set, inside of MMEngine's wrappers, load only modalities.

    What cannot leave anything out is left as it is.
    """
    for part in selective_parts(dataset):
        part.need_only(modalities)


def load_only(loader: DataLoader, modalities: Optional[Sequence[str]]) -> None:
    """The same for a loader, whose workers may hold copies of the data."""
    need_only(loader.dataset, modalities)
    # Persistent workers would go on as they began.
    loader._iterator = None
