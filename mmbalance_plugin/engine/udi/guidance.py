"""What the anchor adds to a follower's objective."""
import copy
import inspect
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor, nn

from ...models.label_kinds import check_label_kinds
from ...models.modes import evaluating
from ...models.objectives import BatchRecord, ObjectiveTerm
from ...models.recognizers import MultimodalRecognizer
from ...registry import MODELS
from ...utils.eager import eager
from ...utils.run_state import run_seed
from ...utils.streams import random_states_kept, stream_seed
from ..anchor_cache import AnchorCache
from .controller import AlphaController

_TRIED = 4  # rows
_CACHES = ('auto', True, False)


@MODELS.register_module()
class AnchorGuidance(ObjectiveTerm):
    """The interaction terms of UDI's phase 2, for one follower.

    alpha_con * JS(yhat^a || yhat^m) + alpha_com * vCLUB(phi^a; phi^m), as
    ``loss_con_<follower>`` and ``loss_com_<follower>``, both optional. The
    anchor is frozen: it runs without gradient, in eval mode, or is read from
    a cache. In a stage that trains it too, beside :class:`FusedLoss`, it gets
    no gradient from here (UDI's ablation of a joint loss). The estimator is
    no part of the model, and unknown to DDP.

    Several modalities may guide, as the paper's progressive order has it:
    consistency is with what the head makes of them together, complementarity
    the mean of the bounds towards each of them.

    Args:
        anchor (str | Sequence[str]): The modality that guides, or those.
        follower (str): The modality that trains.
        consistency (dict | nn.Module | None): Loss on (anchor logits,
            follower logits), or its config; ``multi_class`` of the head is
            filled in where its class has it. Defaults to None, no such term.
        complementarity (dict | nn.Module | None): Loss on (anchor features,
            follower features), or its config; see :class:`CLUBLoss`. Of the
            arguments ``x_channels``, ``y_channels`` and ``seed``, those that
            its class has are filled in. Defaults to None, no such term.
        controller (dict, optional): Arguments of :class:`AlphaController`.
            Defaults to None, its defaults.
        cache (str | bool): See :func:`build_anchor_cache`. Defaults to
            'auto'.
        cache_device (str, optional): See there. Defaults to None.

    Attributes:
        alphas (dict[str, float]): Weights of 'con' and 'com'.
        losses (nn.ModuleDict): 'con' and 'com', where in use, once bound;
            under 'com' a dict by teacher where there are several.

    Raises:
        ValueError: Anchor and follower are one, or an unknown option.
    """

    def __init__(self,
                 anchor: Union[str, Sequence[str]],
                 follower: str,
                 consistency: Union[dict, nn.Module, None] = None,
                 complementarity: Union[dict, nn.Module, None] = None,
                 controller: Optional[dict] = None,
                 cache: Union[str, bool] = 'auto',
                 cache_device: Optional[str] = None) -> None:
        teachers = (anchor, ) if isinstance(anchor, str) else tuple(anchor)
        if not teachers or follower in teachers:
            raise ValueError(f'{follower!r} cannot be guided by {teachers}')
        if cache not in _CACHES:
            raise ValueError(f'cache must be one of {_CACHES}, got {cache!r}')
        self.teachers, self.follower = teachers, follower
        self.members = (*teachers, follower)
        self.controller = AlphaController(**(controller or {}))
        self.alphas = dict(self.controller.start)
        self.losses = nn.ModuleDict()
        self._cfgs: Dict[str, dict] = {}
        for name, loss in (('con', consistency), ('com', complementarity)):
            if isinstance(loss, nn.Module):
                self.losses[name] = loss
            elif loss is not None:
                self._cfgs[name] = loss
        self.cache_mode = cache
        self.cache_device = cache_device
        self.caches: Dict[str, AnchorCache] = {}
        self._aligned: Dict[str, Any] = {}
        self._due = False

    label_kinds = ('multi', 'soft')

    def bind(self, model: MultimodalRecognizer) -> None:
        for name, cfg in self._cfgs.items():
            if name == 'com' and len(self.teachers) > 1:
                self.losses[name] = nn.ModuleDict(
                    {m: self._build(model, cfg, m)
                     for m in self.teachers})
            else:
                self.losses[name] = self._build(model, cfg, self.teachers[0])
        self.losses.to(next(model.parameters()).device)
        self.estimators = tuple(self.losses.values())

    def _build(self, model: MultimodalRecognizer, cfg: dict,
               teacher: str) -> nn.Module:
        """A loss, given what its class asks for."""
        kind = cfg['type']
        kind = MODELS.get(kind) if isinstance(kind, str) else kind
        if kind is None:
            raise ValueError(f'{cfg["type"]} is not a registered loss')
        ids = () if teacher == self.teachers[0] else (teacher, )
        known = dict(
            x_channels=model.head.in_channels[teacher],
            y_channels=model.head.in_channels[self.follower],
            seed=stream_seed(run_seed(), 'estimator', self.follower, *ids),
            multi_class=model.head.multi_class)
        asked = inspect.signature(kind).parameters
        filled = {k: v for k, v in known.items() if k in asked}
        return MODELS.build({**filled, **cfg})

    def check(self, model: MultimodalRecognizer) -> None:
        """Try the losses on features of chance.

        Raises:
            ValueError: A loss fails or gives no scalar, has no start weight,
                or nothing of the follower can be compared.
        """
        if 'con' in self.losses:
            loss, several = self.losses['con'], model.head.multi_class
            check_label_kinds(model, loss)
            if getattr(loss, 'multi_class', several) != several:
                raise ValueError(
                    f'{type(loss).__name__} has multi_class={not several}, '
                    f'but the head has multi_class={several}')
        if self.losses:
            self.controller.check(model, self.follower)
        unweighted = [name for name in self.losses if name not in self.alphas]
        if unweighted:
            raise ValueError(f'controller.start={self.alphas} has no weight '
                             f'for {unweighted}')
        trial = copy.copy(self)
        trial.losses = copy.deepcopy(self.losses)
        device = next(model.parameters()).device
        with random_states_kept(), evaluating(model.head):
            features = {
                m: torch.randn(_TRIED, model.head.in_channels[m]).to(device)
                for m in self.members
            }
            features[self.follower].requires_grad_()
            # Losses between modalities read no targets.
            record = BatchRecord(model, {}, (), torch.empty(_TRIED), features)
            try:
                terms = trial.terms(record)
            except Exception as error:
                teachers = ', '.join(map(repr, self.teachers))
                raise ValueError(
                    f'a loss between {teachers} and {self.follower!r} '
                    f'fails on features of chance: {error}') from error
        for name, term in terms.items():
            if not isinstance(term, Tensor) or term.ndim:
                found = tuple(getattr(term, 'shape', ())) or type(
                    term).__name__
                raise ValueError(
                    f'{type(self.losses[name]).__name__} gives {found} where '
                    'a scalar is needed (see its reduction)')

    @property
    def _bounds(self) -> Dict[str, nn.Module]:
        """The complementarity losses by their teachers."""
        if 'com' not in self.losses:
            return {}
        loss = self.losses['com']
        return dict(loss.items()) if isinstance(loss, nn.ModuleDict) else {
            self.teachers[0]: loss}

    def needs(self, model: MultimodalRecognizer) -> Tuple[str, ...]:
        return (self.follower, )

    def loads(self, model: MultimodalRecognizer) -> Tuple[str, ...]:
        """The teachers too, unless caches know all of them."""
        if not self.losses:
            return (self.follower, )
        return (self.follower, *(m for m in self.teachers if
                                 m not in self.caches
                                 or self.caches[m].partial))

    def start_stage(self, loop) -> None:
        """Cache the teachers' outputs, now that their weights are in place.
        """
        if self.losses:
            self.caches = loop.cached_outputs(
                [m for m in self.teachers if m not in loop.model.trained],
                self.cache_mode, self.cache_device)

    def before_batch(self, loop, index: int, data_batch: dict) -> None:
        """On an epoch's first batch, update the weights."""
        if index or not self.losses:
            return
        self._aligned = {}
        self._due = self.controller.due(loop.progress.epoch)
        if self._due and self.controller.every == 'epoch':
            self._aligned = self.controller.update(loop.model, self,
                                                   data_batch)

    def terms(self,
              record: BatchRecord,
              update_estimator: bool = True) -> Dict[str, Tensor]:
        """The unweighted terms of one batch.

        Args:
            record (BatchRecord): With the follower's features.
            update_estimator (bool): Whether Q_phi takes its steps first.
                Defaults to True.

        Returns:
            dict[str, Tensor]: 'con' and 'com', scalars, where in use. They
            are about samples that have both the anchor and the follower. Of
            the others consistency is 0; the bound knows nothing of them.
        """
        terms = {}
        if 'con' in self.losses:
            terms['con'] = self._consistency(record, self.losses['con'])
        bounds = [
            self._bound(record, teacher, loss, update_estimator)
            for teacher, loss in self._bounds.items()
        ]
        if bounds:
            terms['com'] = sum(bounds[1:], bounds[0]) / len(bounds)
        return terms

    def _consistency(self, record: BatchRecord, loss: nn.Module) -> Tensor:
        known = self._known_logits(record)
        teacher = known[self.teachers[0]] if len(known) == 1 else \
            record.model.head.fuse(known)
        pair = teacher, record.unimodal[self.follower]
        present = record.present
        if present is None or getattr(loss, 'reduction', 'mean') != 'sum':
            return record.mean(loss, self.members, *pair)
        return loss(*(present.take(value, *self.members) for value in pair))

    def fused(self, record: BatchRecord) -> Tensor:
        """What the head makes of the teachers and the follower, (B, C)."""
        return record.model.head.fuse({
            **self._known_logits(record),
            self.follower: record.unimodal[self.follower]
        })

    def _known_logits(self, record: BatchRecord) -> Dict[str, Tensor]:
        return {m: self._outputs(record, m)[1] for m in self.teachers}

    def _bound(self, record: BatchRecord, teacher: str, loss: nn.Module,
               update_estimator: bool) -> Tensor:
        anchor = self._outputs(record, teacher)[0]
        follower = record.features[self.follower]
        if record.present is not None:
            both = teacher, self.follower
            anchor = record.present.take(anchor, *both)
            follower = record.present.take(follower, *both)
            # Other ranks may have some, and wait in its collectives.
            if not len(follower) and not getattr(loss, 'collective', False):
                return follower.sum()
        return loss(anchor, follower, update_estimator=update_estimator)

    def _outputs(self, record: BatchRecord,
                 teacher: str) -> Tuple[Tensor, Tensor]:
        """A teacher's features and logits, computed once per record."""
        known = record.shared.setdefault('teachers', {})
        if teacher not in known:
            known[teacher] = self._look_up(record, teacher)
        return known[teacher]

    def _look_up(self, record: BatchRecord,
                 teacher: str) -> Tuple[Tensor, Tensor]:
        if teacher in self.caches:
            return self.caches[teacher].look_up(record.sample_ids)
        model, names, features = record.model, (teacher, ), record.features
        with torch.no_grad():
            if teacher not in features:
                features = model.extract_feat(record.inputs, names,
                                              record.present)
            logits = model.head.unimodal_logits(features, names)
        return features[teacher].detach(), logits[teacher]

    @eager
    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        terms = self.terms(record)
        if self._due and self.controller.every == 'batch' and \
                torch.is_grad_enabled():
            self._aligned = self.controller.update_on(record, self, terms)
        return {
            f'loss_{name}_{self.follower}': self.alphas[name] * term
            for name, term in terms.items()
        }

    def end_epoch(self, loop) -> Dict[str, float]:
        """Weights, alignments and how the estimator did."""
        log = {f'align_{k}': float(v) for k, v in self._aligned.items()}
        log.update({
            f'alpha_{k}': float(v)
            for k, v in self.alphas.items() if k in self.losses
        })
        for teacher, bound in self._bounds.items():
            teacher = f'_{teacher}' if len(self._bounds) > 1 else ''
            average = getattr(bound, 'end_epoch', dict)
            log.update({f'club_{k}{teacher}': v
                        for k, v in average().items()})
        return {f'{key}_{self.follower}': v for key, v in log.items()}

    def state_dict(self) -> Dict[str, Any]:
        """Weights, estimator and its optimiser."""
        alphas = {name: float(alpha) for name, alpha in self.alphas.items()}
        return dict(alphas=alphas, losses=self.losses.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.alphas = dict(state['alphas'])
        self.losses.load_state_dict(state['losses'])
