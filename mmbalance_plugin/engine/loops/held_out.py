"""Training samples that no stage trains on."""
from typing import Any, Dict, Tuple

import torch
from mmengine.registry import DATASETS

from ...utils.streams import stream


def hold_out(dataloader: Any, share: float) -> Tuple[Dict[str, Any], Any]:
    """Split the data of a training loader.

    The samples are drawn by their number alone: the same ones whatever the
    run's seed, on all ranks and after a resume.

    Args:
        dataloader (dict): Config of the loader; left as it is.
        share (float): Of the samples, above 0 and below 1. At least one is
            held out, and one kept.

    Returns:
        tuple[dict, Dataset]: The loader's config with the samples kept, in
        their order; those held out, in random order.
    """
    if not 0 < share < 1:
        raise ValueError(f'hold_out must be above 0 and below 1, got {share}')
    if not isinstance(dataloader, dict):
        raise ValueError('hold_out needs train_dataloader as a config, but '
                         'it is built already')
    dataset = dataloader['dataset']
    if isinstance(dataset, dict):
        dataset = DATASETS.build(dataset)
    name, count = type(dataset).__name__, len(dataset)
    if not hasattr(dataset, 'get_subset'):
        raise ValueError(f'hold_out cannot split a {name}, which has no '
                         'get_subset(indices)')
    if count < 2:
        raise ValueError(f'hold_out cannot split a {name} of {count} samples')
    size = min(max(1, round(share * count)), count - 1)
    order = torch.randperm(count, generator=stream(0, 'held out'))
    kept = dataset.get_subset(order[size:].sort().values.tolist())
    return dict(
        dataloader, dataset=kept), dataset.get_subset(order[:size].tolist())
