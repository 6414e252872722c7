"""Run a recognizer once over a whole dataset, on all ranks together."""
import logging
import time
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from torch.utils.data import DataLoader, Subset

_REPORT_SECONDS = 10.


class DatasetOutputs(NamedTuple):
    """Outputs of :func:`forward_dataset`, in dataset order, on each rank.

    Attributes:
        features (dict[str, Tensor]): (N, D_m) per modality, or empty.
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
def forward_dataset(model: torch.nn.Module,
                    dataloader: DataLoader,
                    modalities: Optional[Sequence[str]] = None,
                    features: bool = False,
                    logger: Optional[logging.Logger] = None,
                    title: str = 'forward') -> DatasetOutputs:
    """Forward every sample once, in eval mode.

    The dataset is dealt out to the ranks and gathered again, so each rank
    returns the same tensors, on the model's device. Modules are put back
    into the mode they were in; random states are not touched.

    Args:
        model (MultimodalRecognizer): The bare model (no DDP wrapper).
        dataloader (DataLoader): Tells the dataset, batch size, workers and
            collation; its sampler is not used.
        modalities (Sequence[str]): Encoders to run. Defaults to None, all.
        features (bool): Whether to return the features too. Defaults to
            False.
        logger (Logger): Where progress goes. Defaults to None, nowhere.
        title (str): Name of the work in the progress lines.

    Returns:
        DatasetOutputs: See there.
    """
    modalities = tuple(modalities or model.modalities)
    device = next(model.parameters()).device
    loader, count = _shard(dataloader)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    rows: List[Dict[str, torch.Tensor]] = []
    clock = _Progress(logger, title, len(loader))
    state = torch.get_rng_state()
    try:
        for batch in loader:
            data = model.data_preprocessor(batch, False)
            rows.append(_forward_batch(model, data, modalities, features))
            clock.step()
    finally:
        torch.set_rng_state(state)  # building a loader's iterator draws
        for module, mode in modes:
            module.training = mode
    merged = {
        key: _gather(torch.cat([row[key] for row in rows]).to(device), count)
        for key in rows[0]
    }
    present = {m: merged[f'present/{m}'].bool() for m in modalities}
    return DatasetOutputs(
        {m: merged[f'features/{m}'] for m in modalities} if features else {},
        {m: merged[f'logits/{m}'] for m in modalities},
        merged['targets'], merged.get('indices'),
        {m: mask for m, mask in present.items() if not mask.all()})


def _forward_batch(model, data, modalities: Tuple[str, ...],
                   features: bool) -> Dict[str, torch.Tensor]:
    samples, present = data['data_samples'], data.get('present')
    feats = model.extract_feat(data['inputs'], modalities, present)
    logits = model.head.unimodal_logits(feats, modalities)
    row = {f'logits/{m}': logits[m] for m in modalities}
    if features:
        row.update({f'features/{m}': feats[m] for m in modalities})
    for m in modalities:
        # Numbers, which every backend can gather.
        row[f'present/{m}'] = torch.ones(len(samples), dtype=torch.uint8) \
            if present is None else present.mask(m).byte()
    row['targets'] = torch.cat([sample.gt_label for sample in samples])
    if all('sample_idx' in sample for sample in samples):
        row['indices'] = torch.tensor([s.sample_idx for s in samples])
    return row


def _shard(dataloader: DataLoader) -> Tuple[DataLoader, int]:
    """This rank's part of a loader's dataset, equally long on all ranks."""
    dataset, rank, world = dataloader.dataset, get_rank(), get_world_size()
    count = len(dataset)
    rounds = -(-count // world)
    own = [(rank + i * world) % count for i in range(rounds)]
    loader = DataLoader(
        dataset if world == 1 else Subset(dataset, own),
        batch_size=dataloader.batch_size or 1,
        num_workers=dataloader.num_workers,
        collate_fn=dataloader.collate_fn,
        worker_init_fn=dataloader.worker_init_fn)
    return loader, count


def _gather(local: torch.Tensor, count: int) -> torch.Tensor:
    parts = all_gather(local.contiguous())
    return torch.stack(parts, 1).flatten(0, 1)[:count]


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
