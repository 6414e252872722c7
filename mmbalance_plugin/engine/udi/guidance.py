"""What the anchor adds to a follower's objective."""
import copy
import inspect
from contextlib import nullcontext
from typing import Any, Dict, Mapping, Optional, Tuple, Union

import torch
from mmengine.dist import get_world_size
from torch import Tensor, nn

from ...models.modes import evaluating
from ...models.objectives import BatchRecord, ObjectiveTerm
from ...registry import MODELS
from ...utils.eager import eager
from ...utils.run_state import run_seed
from ...utils.streams import random_states_kept, stream_seed
from .anchor_cache import AnchorCache, build_anchor_cache
from .controller import AlphaController

_TRIED = 4  # rows
_CACHES = ('auto', True, False)


@MODELS.register_module()
class AnchorGuidance(ObjectiveTerm):
    """The interaction terms of UDI's phase 2, for one follower.

    alpha_con * JS(yhat^a || yhat^m) + alpha_com * vCLUB(phi^a; phi^m), as
    ``loss_con_<follower>`` and ``loss_com_<follower>``, both optional. The
    anchor must be frozen: it runs without gradient, in eval mode, or is read
    from a cache. The estimator is no part of the model, and unknown to DDP.

    Args:
        anchor (str): Anchor modality.
        follower (str): The modality that trains.
        consistency (dict | nn.Module | None): Loss on (anchor logits,
            follower logits), or its config. Defaults to None, no such term.
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

    Raises:
        ValueError: Anchor and follower are one, or an unknown option.
    """

    def __init__(self,
                 anchor: str,
                 follower: str,
                 consistency: Union[dict, nn.Module, None] = None,
                 complementarity: Union[dict, nn.Module, None] = None,
                 controller: Optional[dict] = None,
                 cache: Union[str, bool] = 'auto',
                 cache_device: Optional[str] = None) -> None:
        if anchor == follower:
            raise ValueError(f'{anchor!r} cannot guide itself')
        if cache not in _CACHES:
            raise ValueError(f'cache must be one of {_CACHES}, got {cache!r}')
        self.anchor, self.follower = anchor, follower
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
        self.cache: Optional[AnchorCache] = None
        self._log: Dict[str, float] = {}

    def bind(self, model: nn.Module) -> None:
        """Build the losses; see :class:`ObjectiveTerm`."""
        channels = model.head.in_channels
        known = dict(
            x_channels=channels[self.anchor],
            y_channels=channels[self.follower],
            seed=stream_seed(run_seed(), 'estimator', self.follower))
        for name, cfg in self._cfgs.items():
            kind = cfg['type']
            kind = MODELS.get(kind) if isinstance(kind, str) else kind
            if kind is None:
                raise ValueError(f'{cfg["type"]} is not a registered loss')
            asked = inspect.signature(kind).parameters
            filled = {k: v for k, v in known.items() if k in asked}
            self.losses[name] = MODELS.build({**filled, **cfg})
        self.losses.to(next(model.parameters()).device)

    def check(self, model: nn.Module) -> None:
        """Try the losses on features of chance; see :class:`ObjectiveTerm`.

        Raises:
            ValueError: A loss fails or gives no scalar, has no start weight,
                or nothing of the follower can be compared.
        """
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
                for m in (self.anchor, self.follower)
            }
            features[self.follower].requires_grad_()
            targets = torch.zeros(_TRIED, dtype=torch.long, device=device)
            record = BatchRecord(model, {}, (), targets, features)
            try:
                terms = trial.terms(record)
            except Exception as error:
                raise ValueError(
                    f'a loss between {self.anchor!r} and {self.follower!r} '
                    f'fails on features of chance: {error}') from error
        for name, term in terms.items():
            if not isinstance(term, Tensor) or term.ndim:
                found = tuple(term.shape) if isinstance(term, Tensor) else \
                    type(term).__name__
                raise ValueError(
                    f'{type(self.losses[name]).__name__} gives {found} where '
                    'a scalar is needed (see its reduction)')

    @property
    def consistency(self) -> Optional[nn.Module]:
        """nn.Module | None: The consistency loss, once built."""
        return self.losses['con'] if 'con' in self.losses else None

    @property
    def complementarity(self) -> Optional[nn.Module]:
        """nn.Module | None: The complementarity loss, once built."""
        return self.losses['com'] if 'com' in self.losses else None

    @property
    def estimators(self) -> Tuple[nn.Module, ...]:
        """See :class:`ObjectiveTerm`."""
        return tuple(self.losses.values())

    def needs(self, model: nn.Module) -> Tuple[str, ...]:
        """Only the follower; see :class:`ObjectiveTerm`."""
        return (self.follower, )

    def loads(self, model: nn.Module) -> Tuple[str, ...]:
        """The anchor too, unless the cache knows all of it."""
        if not self.losses or (self.cache and not self.cache.partial):
            return (self.follower, )
        return (self.anchor, self.follower)

    def start_stage(self, loop) -> None:
        """Cache the anchor's outputs, now that its weights are in place."""
        if not self.losses:
            return
        # Filled again after a resume: the checkpoint has counted it.
        again = loop.progress.epoch > 0
        with loop.uncounted() if again else nullcontext():
            self.cache = build_anchor_cache(loop.model, loop.dataloader,
                                            self.anchor, self.cache_mode,
                                            self.cache_device,
                                            loop.runner.logger)

    def before_batch(self, loop, index: int, data_batch: dict) -> None:
        """On an epoch's first batch, update the weights."""
        if index or not self.losses:
            return
        self._log = {}
        if self.controller.due(loop.progress.epoch):
            aligned = self.controller.update(loop.model, self, data_batch)
            self._log = {f'align_{k}': v for k, v in aligned.items()}
        self._log.update({
            f'alpha_{k}': v
            for k, v in self.alphas.items() if k in self.losses
        })

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
        features, logits = self._anchor_outputs(record)
        both = (self.anchor, self.follower)
        terms = {}
        if self.consistency is not None:
            terms['con'] = record.mean(self.consistency, both, logits,
                                       record.unimodal[self.follower])
        if self.complementarity is not None:
            terms['com'] = self._complementarity(record, features,
                                                 update_estimator)
        return terms

    def _complementarity(self, record: BatchRecord, anchor: Tensor,
                         update_estimator: bool) -> Tensor:
        loss, follower = self.complementarity, record.features[self.follower]
        if record.present is not None:
            both = self.anchor, self.follower
            anchor = record.present.take(anchor, *both)
            follower = record.present.take(follower, *both)
            # Other ranks may have some, and wait in its collectives.
            waited_for = get_world_size() > 1 and getattr(
                loss, 'collective', False)
            if not len(follower) and not waited_for:
                return follower.sum()
        return loss(anchor, follower, update_estimator=update_estimator)

    def _anchor_outputs(self, record: BatchRecord) -> Tuple[Tensor, Tensor]:
        if self.cache is not None:
            return self.cache.look_up(record.samples)
        model, names, features = record.model, (self.anchor, ), record.features
        with torch.no_grad():
            if self.anchor not in features:
                features = model.extract_feat(record.inputs, names,
                                              record.present)
            logits = model.head.unimodal_logits(features, names)
        return features[self.anchor], logits[self.anchor]

    @eager
    def __call__(self, record: BatchRecord) -> Dict[str, Tensor]:
        """See :class:`ObjectiveTerm`."""
        return {
            f'loss_{name}_{self.follower}': self.alphas[name] * term
            for name, term in self.terms(record).items()
        }

    def end_epoch(self) -> Dict[str, float]:
        """Weights, alignments and how the estimator did."""
        log = dict(self._log)
        club = self.complementarity
        if hasattr(club, 'end_epoch'):
            log.update({f'club_{k}': v for k, v in club.end_epoch().items()})
        return {f'{key}_{self.follower}': v for key, v in log.items()}

    def state_dict(self) -> Dict[str, Any]:
        """Weights, estimator and its optimiser."""
        return dict(
            alphas=dict(self.alphas), losses=self.losses.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See :class:`ObjectiveTerm`."""
        self.alphas = dict(state['alphas'])
        self.losses.load_state_dict(state['losses'])
