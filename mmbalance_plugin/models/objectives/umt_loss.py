"""UMT: features that unimodal teachers guide."""
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping, Optional

import torch
from torch import Tensor
from torch.func import functional_call

from mmbalance_plugin.functional import umt_distillation
from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.eager import eager

from ..modes import evaluating, named_values, values_kept
from .record import BatchRecord
from .term import ObjectiveTerm

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer


@MODELS.register_module()
class UMTLoss(ObjectiveTerm):
    """Towards the features of unimodal teachers (UMT, ICML 2023).

    lambda MSE(phi^m, phi^m_teacher) for each modality m, as
    ``loss_umt_<m>``, beside :class:`FusedLoss`. The teachers are the
    encoders **as they stand when the stage begins**, before ``init='scratch'``
    puts them back: earlier stages of the run, each of one modality, train
    them, or ``load_from`` brings them. They are frozen and in eval mode. The
    term keeps their weights; they are no part of the model. Behaviour:
    docs/methods.md.

    Args:
        weight (float): lambda. Defaults to 10 (a port's; the paper's is not
            known).
        cache_device (str, optional): Where the teachers' features are kept
            where they can be; see :meth:`StagedTrainLoop.cached_outputs`.
            Defaults to None, beside the model.

    Raises:
        ValueError: ``weight`` is negative; or, when the stage begins, nothing
            has trained the teachers.
    """

    label_kinds = ('multi', 'soft')

    def __init__(self,
                 weight: float = 10.,
                 cache_device: Optional[str] = None) -> None:
        if weight < 0:
            raise ValueError(f'UMTLoss: weight must not be negative, got '
                             f'{weight}')
        self.weight = weight
        self.cache_device = cache_device
        self.teachers: Dict[str, Dict[str, Tensor]] = {}
        self.caches: Dict[str, Any] = {}

    def bind(self, model: 'MultimodalRecognizer') -> None:
        self.teachers = {
            m: {k: v.clone() for k, v in named_values(encoder).items()}
            for m, encoder in model.encoders.items()
        }

    def start_stage(self, loop) -> None:
        if loop.stage.objective is None or not (loop.stage_index
                                                or loop.runner._load_from):
            raise ValueError(
                f'UMTLoss in stage {loop.stage.name!r}: nothing has trained '
                'the teachers; put it into the objective of a stage that '
                'comes after one of each modality alone, or set load_from')
        with self._teaching(loop.model):
            found = loop.cached_outputs(self.teachers,
                                        device=self.cache_device)
        # What the student's head says of them is of no use.
        self.caches = {
            m: cache._replace(
                logits=cache.logits.new_empty(len(cache.logits), 0))
            for m, cache in found.items()
        }

    @contextmanager
    def _teaching(self, model: 'MultimodalRecognizer') -> Iterator[None]:
        """The teachers' weights in the encoders, then again the student's."""
        mine = {m: named_values(model.encoders[m]) for m in self.teachers}
        with values_kept(
                [v for values in mine.values() for v in values.values()]):
            _copy(self.teachers, mine)
            yield

    @eager
    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        return {
            f'loss_umt_{m}': self.weight * record.mean(
                umt_distillation, (m, ), feature, self._taught(record, m))
            for m, feature in record.features.items()
        }

    @torch.no_grad()
    def _taught(self, record: BatchRecord, modality: str) -> Tensor:
        """A teacher's features (B, D) of a batch."""
        if modality in self.caches:
            return self.caches[modality].look_up(record.sample_ids)[0]
        encoder, inputs = record.model.encoders[modality], record.inputs[
            modality]
        if len(inputs):
            with evaluating(encoder):
                found = functional_call(encoder, self.teachers[modality],
                                        (inputs, ))
        else:
            found = record.features[modality][:0]
        present = record.present
        return found if present is None else present.spread(found, modality)

    def state_dict(self) -> Dict[str, Any]:
        return dict(teachers=self.teachers)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        _copy(state['teachers'], self.teachers)


@torch.no_grad()
def _copy(source: Mapping[str, Mapping[str, Tensor]],
          target: Mapping[str, Mapping[str, Tensor]]) -> None:
    for modality, values in target.items():
        for name, value in values.items():
            value.copy_(source[modality][name])
