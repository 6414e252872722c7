"""What a recognizer makes of a whole split, in one pass of all ranks."""
import logging
import random
import time
from contextlib import contextmanager
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from ..datasets.selection import need_only, selective_parts
from ..functional._tensors import at_least_float32
from ..models.modes import evaluating
from ..models.recognizers.labels import stack_labels
from ..utils.run_state import run_seed
from ..utils.sample_batch import sample_ids
from ..utils.streams import random_states_kept, stream_seed
from ..utils.transfer import to_device
from .gathered_rows import GatheredRows

_REPORT_SECONDS = 10.


class FeatureBank(NamedTuple):
    """Outputs of :func:`feature_bank`, in dataset order, on each rank.

    Attributes:
        features (dict[str, Tensor]): (N, D_m) per modality, or empty;
            float32, as the logits are.
        logits (dict[str, Tensor]): Unimodal logits (N, C) per modality.
        targets (Tensor): Class indices, shape (N,).
        indices (Tensor | None): ``sample_idx`` of every sample, shape
            (N,); None where the samples do not carry one.
        present (dict[str, Tensor]): For each modality that some sample
            lacks, where it is there: bool, shape (N,). Elsewhere features
            are zeros and logits mean nothing.
    """
    features: Dict[str, torch.Tensor]
    logits: Dict[str, torch.Tensor]
    targets: torch.Tensor
    indices: Optional[torch.Tensor]
    present: Dict[str, torch.Tensor] = {}


@torch.no_grad()
def feature_bank(
        model: torch.nn.Module,
        dataloader: DataLoader,
        modalities: Optional[Sequence[str]] = None,
        features: bool = False,
        logger: Optional[logging.Logger] = None,
        title: str = 'forward',
        dataset: Optional[Dataset] = None,
        device: Optional[Union[str, torch.device]] = None
) -> FeatureBank:
    """Forward every sample once, in eval mode.

    The dataset is dealt out to the ranks and gathered again batch by batch,
    so each rank returns the same tensors, and little more memory is needed
    than they take. Random transforms draw the same each time. Modules are
    put back into the mode they were in, and random states as well.

    Args:
        model (MultimodalRecognizer): The bare model (no DDP wrapper).
        dataloader (DataLoader): Tells the dataset, batch size, workers and
            collation; its sampler is not used.
        modalities (Sequence[str]): Encoders to run. Defaults to None, all.
        features (bool): Whether to return the features too. Defaults to
            False.
        logger (Logger): Where progress goes. Defaults to None, nowhere.
        title (str): Name of the work in the progress lines.
        dataset (Dataset, optional): Defaults to None, the loader's.
        device (torch.device | str, optional): Where features and logits are
            kept. Defaults to None, the model's device.

    Returns:
        FeatureBank: See there.
    """
    modalities = tuple(modalities or model.modalities)
    dataset = dataloader.dataset if dataset is None else dataset
    with _loading(model, dataset, modalities):
        return _fill(model, dataloader, modalities, features, logger, title,
                     dataset, device)


@contextmanager
def _loading(model, dataset: Dataset, modalities: Tuple[str,
                                                        ...]) -> Iterator:
    """Load these modalities, then again those that were loaded before."""
    before = [(part, part.needed) for part in (
        *selective_parts(dataset), model.data_preprocessor)
        if hasattr(part, 'needed')]
    need_only(dataset, modalities)
    model.load_only(modalities)
    try:
        yield
    finally:
        for part, needed in before:
            part.needed = needed

def _fill(model, dataloader, modalities, features, logger, title, dataset,
          device) -> FeatureBank:
    loader = _shard(dataloader, dataset)
    scores = GatheredRows(len(dataset), device)
    facts = GatheredRows(len(dataset))
    clock = _Progress(logger, title, len(loader))
    with evaluating(model), random_states_kept():
        seed = stream_seed(run_seed(), 'features', get_rank())
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        for batch in loader:
            data = model.data_preprocessor(batch, False)
            scores.add(_forward_batch(model, data, modalities, features))
            facts.add(_facts(model, data, modalities))
            clock.step()
    scores, facts = scores.columns(), {
        name: column[:, 0]
        for name, column in facts.columns().items()
    }
    present = {m: facts[f'present/{m}'].bool() for m in modalities}
    return FeatureBank(
        {m: scores[f'features/{m}'] for m in modalities} if features else {},
        {m: scores[f'logits/{m}'] for m in modalities},
        facts['targets'],
        facts['indices'] if (facts['indices'] >= 0).all() else None,
        {m: mask for m, mask in present.items() if not mask.all()})


def _forward_batch(model, data, modalities: Tuple[str, ...],
                   features: bool) -> Dict[str, Tensor]:
    feats = model.extract_feat(data['inputs'], modalities,
                               data.get('present'))
    logits = model.head.unimodal_logits(feats, modalities)
    row = {f'logits/{m}': at_least_float32(logits[m]) for m in modalities}
    if features:
        row.update(
            {f'features/{m}': at_least_float32(feats[m]) for m in modalities})
    return row


def _facts(model, data, modalities: Tuple[str, ...]) -> Dict[str, Tensor]:
    """What is known of the samples, in numbers that can be gathered."""
    samples, present = data['data_samples'], data.get('present')
    device = next(model.parameters()).device
    row = dict(targets=stack_labels(samples, model.head.num_classes))
    try:
        row['indices'] = sample_ids(samples)
    except KeyError:
        row['indices'] = torch.full((len(samples), ), -1)
    for m in modalities:
        row[f'present/{m}'] = torch.ones(len(samples)) \
            if present is None else present.mask(m)
    return {
        name: to_device(value, device).long()[:, None]
        for name, value in row.items()
    }


def _shard(dataloader: DataLoader, dataset: Dataset) -> DataLoader:
    """This rank's part of a dataset, equally long on all ranks."""
    rank, world, count = get_rank(), get_world_size(), len(dataset)
    own = range(rank, rank + world * -(-count // world), world)
    return DataLoader(
        dataset if world == 1 else Subset(dataset, [i % count for i in own]),
        batch_size=dataloader.batch_size or 1,
        num_workers=dataloader.num_workers,
        collate_fn=dataloader.collate_fn,
        worker_init_fn=dataloader.worker_init_fn)


class _Progress:
    """Says how far it is every few seconds, and how long it will take."""

    def __init__(self, logger, title: str, total: int) -> None:
        self.logger, self.title, self.total = logger, title, total
        self.done, self.begin = 0, time.monotonic()
        self.reported = self.begin

    def step(self) -> None:
        self.done += 1
        now = time.monotonic()
        if self.logger is None or now - self.reported < _REPORT_SECONDS:
            return
        self.reported = now
        eta = (now - self.begin) / self.done * (self.total - self.done)
        self.logger.info(f'{self.title}: {self.done}/{self.total} batches, '
                         f'eta {eta:.0f} s')
