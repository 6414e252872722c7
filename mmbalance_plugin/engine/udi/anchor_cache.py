"""The frozen anchor's outputs, computed once per sample."""
import random
from typing import NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.logging import print_log
from torch.utils.data import DataLoader

from ..inference import forward_dataset

_PROBED = 16


class AnchorCache(NamedTuple):
    """Anchor features and logits of the training set, by ``sample_idx``.

    Attributes:
        features (Tensor): (N, D), float32, on the model's device.
        logits (Tensor): (N, C).
    """
    features: torch.Tensor
    logits: torch.Tensor

    def look_up(self,
                data_samples: Sequence) -> Tuple[torch.Tensor, torch.Tensor]:
        """Features and logits of a batch, shapes (B, D) and (B, C)."""
        index = torch.tensor([sample.sample_idx for sample in data_samples])
        index = index.to(self.features.device, non_blocking=True)
        return self.features[index], self.logits[index]


def build_anchor_cache(model: torch.nn.Module,
                       dataloader: DataLoader,
                       anchor: str,
                       mode: Union[str, bool] = 'auto',
                       logger=None) -> Optional[AnchorCache]:
    """Run the anchor once over the training set, where that is sound.

    It is sound when a sample looks the same each time it is loaded and
    carries its position as ``sample_idx``. Both are checked, not assumed:
    a few samples are loaded twice under different random states.

    Args:
        model (MultimodalRecognizer): The bare model, anchor trained.
        dataloader (DataLoader): Training data.
        anchor (str): The anchor modality.
        mode (str | bool): 'auto' caches where it is sound, True insists,
            False never caches. Defaults to 'auto'.
        logger (Logger): For progress. Defaults to None.

    Returns:
        AnchorCache | None: None where nothing is cached.

    Raises:
        ValueError: ``mode`` is True and caching would be wrong.
    """
    if mode is False:
        return None
    problem = _unsound(dataloader.dataset, anchor)
    if problem is None:
        outputs = forward_dataset(
            model,
            dataloader, (anchor, ),
            features=True,
            logger=logger,
            title=f"caching the anchor's ({anchor}) outputs")
        count = len(dataloader.dataset)
        expected = torch.arange(count, device=outputs.indices.device)
        if torch.equal(outputs.indices, expected):
            return AnchorCache(outputs.features[anchor].float(),
                               outputs.logits[anchor].float())
        problem = 'sample_idx is not the position in the dataset'
    if mode is True:
        raise ValueError(
            f"cache_anchor=True, but {problem}: set cache_anchor='auto' or "
            'False, or take the randomness out of the training pipeline')
    print_log(f'The anchor runs in every step, because {problem}',
              logger or 'current')
    return None


def _unsound(dataset, anchor: str) -> Optional[str]:
    """Why cached outputs would differ from fresh ones, or None."""
    if getattr(dataset, 'deterministic', None) is False:
        return 'the dataset says that its samples are random'
    picks = np.linspace(0, len(dataset) - 1, min(_PROBED, len(dataset)))
    for index in sorted({int(pick) for pick in picks}):
        first = _load(dataset, index, 0)
        if 'sample_idx' not in first['data_samples']:
            return ('samples carry no sample_idx; add it to meta_keys of the '
                    'packing transform')
        again = _load(dataset, index, 1)
        if not torch.equal(first['inputs'][anchor], again['inputs'][anchor]):
            return (f'the {anchor} input of training sample {index} differs '
                    'each time it is loaded (augmentation)')
    return None


def _load(dataset, index: int, seed: int):
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            return dataset[index]
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
