"""TCMax."""
import math
from typing import Dict, Optional, Tuple, Union

import torch
from mmengine import dist
from torch import Tensor

from mmbalance_plugin.functional import tcmax_from_sums, tcmax_sums
from mmbalance_plugin.functional._tensors import at_least_float32
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.dist import all_reduce_sum_with_grad
from mmbalance_plugin.utils.run_state import (
    current_epoch,
    current_iter,
    run_seed,
)
from mmbalance_plugin.utils.streams import stream

from .record import BatchRecord
from .term import ObjectiveTerm

_ADDITIVE_RULES = ('sum_logits', 'sum_log_probs')


@MODELS.register_module()
class TCMaxLoss(ObjectiveTerm):
    """Total correlation maximised (ICLR 2026, arXiv 2602.13015).

    As ``loss_tcmax``, in place of :class:`FusedLoss`: no weight to choose,
    no unimodal heads, nothing at test time. Exact where fused logits are the
    sum of the modalities' (concatenation, sum, a decision head that sums):
    :func:`~mmbalance_plugin.functional.tcmax_loss`. For other heads the
    negatives are ``samples`` random tuples.

    Args:
        samples (int): Random tuples for heads that are not additive: 1024
            on CREMA-D, 256 on UCF101 (paper). Defaults to 1024.

    DDP, AMP, accumulation, resume and log: docs/methods.md, TCMax.

    Raises:
        ValueError: ``samples`` is below 1.
    """

    fuses = True
    replaces_loss = True

    def __init__(self, samples: int = 1024) -> None:
        if samples < 1:
            raise ValueError(f'TCMaxLoss: samples must be at least 1, got '
                             f'{samples}')
        self.samples = samples

    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        additive = self._additive_logits(record)
        if additive is None:
            return dict(loss_tcmax=self._sampled(record))
        logits, targets = _complete(record, additive)
        true, log_sums = tcmax_sums(logits, targets)
        count: Union[int, Tensor] = len(targets)
        if dist.get_world_size() > 1:
            true, log_sums, count = _over_ranks(true, log_sums, len(targets))
        return dict(loss_tcmax=tcmax_from_sums(true, log_sums, count))

    @staticmethod
    def _additive_logits(record: BatchRecord) -> Optional[Dict[str, Tensor]]:
        """Logits that add up to the fused ones, if there are any."""
        head = record.model.head
        if head.linear or getattr(
                head, 'combine', None) in _ADDITIVE_RULES and not hasattr(
                    head, 'fused_part'):
            return head.unimodal_logits(record.fusion_features)
        return None

    def _sampled(self, record: BatchRecord) -> Tensor:
        features, targets = _complete(record, record.fusion_features)
        head, size = record.model.head, len(targets)
        generator = stream(
            run_seed(), 'tcmax', current_epoch(), current_iter(),
            dist.get_rank(), device=targets.device)
        picked = {
            m: value[torch.randint(
                size, (self.samples, ),
                generator=generator,
                device=targets.device)]
            for m, value in features.items()
        }
        true, negative = (
            at_least_float32(head(part)) for part in (features, picked))
        true = true.gather(1, targets[:, None]).mean()
        return negative.logsumexp(dim=(0, 1)) - math.log(
            negative.numel()) - true


def _complete(record: BatchRecord, values: Dict[str, Tensor]
              ) -> Tuple[Dict[str, Tensor], Tensor]:
    """The rows of samples that have every modality."""
    rows = {m: record.take(v, *values) for m, v in values.items()}
    return rows, record.take(record.targets, *values)


def _over_ranks(true: Tensor, log_sums: Tensor,
                count: int) -> Tuple[Tensor, Tensor, Tensor]:
    """The sums of the global batch, differentiably."""
    largest = log_sums.detach().clone()
    dist.all_reduce(largest, op='max')
    packed = torch.cat([
        (log_sums - largest).exp().flatten(),
        torch.stack([true, true.new_tensor(float(count))])
    ])
    packed = all_reduce_sum_with_grad(packed)
    sums = packed[:-2].view_as(log_sums).log() + largest
    return packed[-2], sums, packed[-1].detach()
