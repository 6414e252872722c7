"""A frozen encoder's outputs, computed once per sample."""
from typing import NamedTuple, Optional, Tuple, Union

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import DataLoader

from ..datasets.determinism import (
    AMBIGUOUS,
    source_of,
    why_random,
    why_unnamed,
)
from ..models.recognizers import MultimodalRecognizer
from ..utils.transfer import to_device
from .features import feature_bank


class AnchorCache(NamedTuple):
    """Anchor features and logits of the training set, by ``sample_idx``.

    Attributes:
        features (Tensor): (N, D), float32.
        logits (Tensor): (N, C), on the same device.
        device (torch.device): Where batches of them are wanted.
        partial (bool): Whether some samples lack the anchor: which, their
            inputs tell.
    """
    features: Tensor
    logits: Tensor
    device: torch.device
    partial: bool = False

    def look_up(self, sample_ids: Tensor) -> Tuple[Tensor, Tensor]:
        """Features and logits of a batch, shapes (B, D) and (B, C)."""
        index = to_device(sample_ids, self.features.device)
        return self._rows(self.features, index), self._rows(
            self.logits, index)

    def _rows(self, table: Tensor, index: Tensor) -> Tensor:
        if table.device == self.device or self.device.type != 'cuda':
            return to_device(table[index], self.device)
        # Gathered where a copy to the card can start from.
        rows = table.new_empty(len(index), table.shape[1], pin_memory=True)
        return to_device(
            torch.index_select(table, 0, index, out=rows), self.device)


def build_anchor_cache(model: MultimodalRecognizer,
                       dataloader: DataLoader,
                       anchor: str,
                       mode: Union[str, bool] = 'auto',
                       device: Optional[str] = None
                       ) -> Optional[AnchorCache]:
    """Run the anchor once over the training set, where that is sound.

    It is sound when a sample certainly looks the same each time it is loaded
    (see :func:`why_random`) and carries its position as ``sample_idx``.

    Args:
        model (MultimodalRecognizer): The bare model, anchor trained.
        dataloader (DataLoader): Training data.
        anchor (str): The anchor modality.
        mode (str | bool): 'auto' caches where it is sound, True insists,
            False never caches. Defaults to 'auto'.
        device (str, optional): Where the cache is kept. Defaults to None,
            beside the model.

    Returns:
        AnchorCache | None: None where nothing is cached.

    Raises:
        ValueError: ``mode`` is True and caching would be wrong.
    """
    if mode is False:
        return None
    dataset = dataloader.dataset
    source = source_of(dataset)
    problem = why_random(dataset) or why_unnamed(source)
    if model.blending:
        problem = 'samples are blended anew in each batch'
    if problem is None:
        outputs = feature_bank(
            model,
            dataloader, (anchor, ),
            features=True,
            title=f"caching the frozen encoder's ({anchor}) outputs",
            dataset=source,
            device=device)
        expected = torch.arange(len(source), device=outputs.targets.device)
        if outputs.indices is not None and torch.equal(
                outputs.indices, expected):
            return AnchorCache(outputs.features[anchor],
                               outputs.logits[anchor],
                               next(model.parameters()).device,
                               anchor in outputs.present)
        problem = AMBIGUOUS.format(type(source).__name__)
    if mode is True:
        raise ValueError(
            f"cache_anchor=True, but {problem}: set cache_anchor='auto' or "
            'False, or take the randomness out of the training pipeline')
    print_log(f'The frozen encoder of {anchor} runs in every step, because '
              f'{problem}', 'current')
    return None
