"""What a recognizer makes of a whole split, in one pass of all ranks."""
import time
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterator,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from ..datasets.selection import need_only, selective_parts
from ..functional._tensors import at_least_float32
from ..models.modes import evaluating
from ..models.recognizers.labels import stack_labels
from ..utils.run_state import run_seed
from ..utils.sample_batch import sample_ids
from ..utils.streams import random_states_kept, seed_everything
from ..utils.transfer import to_device
from .gathered_rows import GatheredRows

if TYPE_CHECKING:
    from ..models.recognizers import MultimodalRecognizer

_REPORT_SECONDS = 10.


class FeatureBank(NamedTuple):
    """Outputs of :func:`feature_bank`, in dataset order, on each rank.

    Attributes:
        features (dict[str, Tensor]): (N, D_m) per modality, or empty;
            float32, as the logits are.
        logits (dict[str, Tensor]): Unimodal logits (N, C) per modality.
        targets (Tensor): Class indices, shape (N,); with ``multi_class`` of
            the head labels, (N, C), float32.
        indices (Tensor | None): ``sample_idx`` of every sample, shape
            (N,); None where the samples do not carry one.
        present (dict[str, Tensor]): For each modality that some sample
            lacks, where it is there: bool, shape (N,). Elsewhere features
            are zeros and logits mean nothing.
    """
    features: Dict[str, Tensor]
    logits: Dict[str, Tensor]
    targets: Tensor
    indices: Optional[Tensor]
    present: Dict[str, Tensor] = {}


@torch.no_grad()
def feature_bank(
        model: 'MultimodalRecognizer',
        dataloader: DataLoader,
        modalities: Optional[Sequence[str]] = None,
        features: bool = False,
        title: str = 'forward',
        dataset: Any = None,
        device: Optional[Union[str, torch.device]] = None) -> FeatureBank:
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
        title (str): Name of the work in the log, which says every few
            seconds how long it will take.
        dataset (Dataset, optional): Defaults to None, the loader's.
        device (torch.device | str, optional): Where features and logits are
            kept. Defaults to None, the model's device.

    Returns:
        FeatureBank: See there.
    """
    names = tuple(modalities or model.modalities)
    dataset = dataloader.dataset if dataset is None else dataset
    scores = GatheredRows(len(dataset), device)
    facts = GatheredRows(len(dataset))
    loader = _shard(dataloader, dataset)
    reported = begin = time.monotonic()
    with _loading(model, dataset, names), evaluating(model), \
            random_states_kept():
        seed_everything(run_seed(), 'features', get_rank())
        for done, batch in enumerate(loader, 1):
            data = model.data_preprocessor(batch, False)
            scores.add(_forward_batch(model, data, names, features))
            facts.add(_facts(model, data, names))
            now = time.monotonic()
            if now - reported > _REPORT_SECONDS:
                reported = now
                eta = (now - begin) / done * (len(loader) - done)
                print_log(f'{title}: {done}/{len(loader)} batches, eta '
                          f'{eta:.0f} s', 'current')
    found = scores.columns()
    known = facts.columns()
    targets = known.pop('targets')
    known = {name: column[:, 0] for name, column in known.items()}
    present = {m: known[f'present/{m}'].bool() for m in names}
    return FeatureBank(
        {m: found[f'features/{m}'] for m in names} if features else {},
        {m: found[f'logits/{m}'] for m in names},
        targets.float() if model.head.multi_class else targets[:, 0],
        known['indices'] if (known['indices'] >= 0).all() else None,
        {m: mask for m, mask in present.items() if not mask.all()})


@contextmanager
def _loading(model: 'MultimodalRecognizer', dataset: Any,
             modalities: Tuple[str, ...]) -> Iterator[None]:
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


def _forward_batch(model: 'MultimodalRecognizer', data: dict,
                   modalities: Tuple[str, ...],
                   features: bool) -> Dict[str, Tensor]:
    feats = model.extract_feat(data['inputs'], modalities,
                               data.get('present'))
    logits = model.head.unimodal_logits(feats, modalities)
    row = {f'logits/{m}': at_least_float32(logits[m]) for m in modalities}
    if features:
        row.update(
            {f'features/{m}': at_least_float32(feats[m]) for m in modalities})
    return row


def _facts(model: 'MultimodalRecognizer', data: dict,
           modalities: Tuple[str, ...]) -> Dict[str, Tensor]:
    """What is known of the samples, in numbers that can be gathered."""
    samples, present = data['data_samples'], data.get('present')
    device = next(model.parameters()).device
    head = model.head
    row = dict(targets=stack_labels(samples, head.num_classes,
                                    multi_class=head.multi_class))
    try:
        row['indices'] = sample_ids(samples)
    except KeyError:
        row['indices'] = torch.full((len(samples), ), -1)
    for m in modalities:
        row[f'present/{m}'] = torch.ones(len(samples)) \
            if present is None else present.mask(m)
    return {
        name: to_device(value, device).long().reshape(len(samples), -1)
        for name, value in row.items()
    }


def _shard(dataloader: DataLoader, dataset: Any) -> DataLoader:
    """This rank's part of a dataset, equally long on all ranks."""
    rank, world, count = get_rank(), get_world_size(), len(dataset)
    own = range(rank, rank + world * -(-count // world), world)
    return DataLoader(
        dataset if world == 1 else Subset(dataset, [i % count for i in own]),
        batch_size=dataloader.batch_size or 1,
        num_workers=dataloader.num_workers,
        collate_fn=dataloader.collate_fn,
        worker_init_fn=dataloader.worker_init_fn)
