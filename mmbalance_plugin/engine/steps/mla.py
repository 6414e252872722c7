"""MLA's alternating updates."""
from typing import Dict, List

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from ...functional._tensors import at_least_float32
from ...models.heads import MLAHead
from ...models.objectives import BatchRecord
from ...models.recognizers import MultimodalRecognizer
from ...models.wrappers import recognizer_of
from ...registry import MODELS
from ...utils.eager import eager
from ...utils.run_state import epoch_share
from .per_loss import average_gradients, per_loss_gradients, scale_loss
from .train_step import TrainStep


@MODELS.register_module()
class MLA(TrainStep):
    """One update per modality and batch (CVPR 2024, arXiv 2311.10707).

    In each modality's turn, its encoder and the classifier that all share
    (:class:`MLAHead`) are updated by its own loss. The gradient of the
    classifier's weight is multiplied by P, which takes in the modality's mean
    feature first (the order of the released code, where however a name that
    never matches keeps it from being applied):
    :func:`~mmbalance_plugin.functional.mla_projection`, with
    alpha = 0.1^(1 + b / B) in batch b of B. The first update is not
    corrected, and the bias never is.

    The objective must be :class:`UnimodalLoss` with ``heads='shared'``. As
    many updates per batch as there are modalities; each encoder sees each
    sample once. Origins and behaviour: docs/methods.md.

    Raises:
        ValueError: Head, objective or accumulation do not fit.
    """

    averages_gradients = True

    def check(self, model: MultimodalRecognizer,
              accumulative_counts: int) -> None:
        if not isinstance(model.head, MLAHead):
            raise ValueError("MLA trains head=dict(type='mmbalance_plugin."
                             f"MLAHead'), not {type(model.head).__name__}")
        if any(t.fuses or t.learned is not None for t in model.terms):
            names = [type(term).__name__ for term in model.terms]
            raise ValueError(
                'MLA trains modality by modality: set objective=[dict(type='
                "'mmbalance_plugin.UnimodalLoss')], with heads='shared', in "
                f'place of {names}')
        if accumulative_counts > 1:
            raise ValueError(
                f'MLA updates in each turn of a batch, so accumulative_counts='
                f'{accumulative_counts} has no meaning: set it to 1, and '
                'batch_size higher')

    def __call__(self, model: nn.Module, data_batch: dict,
                 optim_wrapper: OptimWrapper) -> Dict[str, Tensor]:
        inner = recognizer_of(model)
        self.check(inner, optim_wrapper._accumulative_counts)
        with self.context(model, optim_wrapper):
            data = inner.data_preprocessor(data_batch, True)
        losses = {}
        for modality in inner.active:
            # A context per turn: autocast keeps the weights it has cast.
            with self.context(model, optim_wrapper):
                record = inner.batch_record(**data, modalities=(modality, ))
                found = inner.losses_of(record)
            total = inner.parse_losses(found)[0]
            self._turn(inner, modality, record, total, optim_wrapper)
            losses.update({k: v.detach() for k, v in found.items()})
        # What OptimWrapper.backward does beside the backward pass.
        optim_wrapper._inner_count += 1
        return inner.parse_losses(losses)[1]

    @eager
    def _turn(self, model: MultimodalRecognizer, modality: str,
              record: BatchRecord, loss: Tensor,
              optim_wrapper: OptimWrapper) -> None:
        """A modality's backward pass and update."""
        head = model.head
        parameters = [
            p for part in (model.encoders[modality], head)
            for p in part.parameters() if p.requires_grad
        ]
        found = per_loss_gradients(
            dict(loss=scale_loss(loss, optim_wrapper)), parameters)
        found['feature'] = _sum_and_count(record, modality)
        found = average_gradients(found)
        for parameter, gradient in zip(parameters, found['loss']):
            parameter.grad = gradient
        weight, (total, count) = head.fc.weight, found['feature']
        if weight.requires_grad:
            weight.grad = head.correct(weight.grad,
                                       total / count.clamp(min=1e-12),
                                       0.1**(1 + epoch_share()))
        optim_wrapper.step()
        optim_wrapper.zero_grad()


@torch.no_grad()
def _sum_and_count(record: BatchRecord, modality: str) -> List[Tensor]:
    """A modality's features summed, (D, ), and of how many samples, (1, )."""
    feature = at_least_float32(record.features[modality])
    present = record.present
    count = len(feature) if present is None else present.count(modality)
    return [feature.sum(dim=0), feature.new_full((1, ), count)]
