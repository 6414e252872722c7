"""A stage of training, as data."""
from dataclasses import dataclass, field, fields
from typing import Any, Dict, Optional, Tuple

from ...models.recognizers import MultimodalRecognizer
from ...utils.choices import require_choice


def main_metric(model: Any) -> str:
    """The metric that chooses weights where nothing else is said, of the
    fused prediction."""
    several = getattr(getattr(model, 'head', None), 'multi_class', False)
    return 'acc/mAP' if several else 'acc/top1'


@dataclass
class EarlyStopping:
    """When a stage ends before its epochs are used up.

    Args:
        patience (int): Validations without improvement after which the
            stage ends.
        min_delta (float): What counts as an improvement over the last
            validation that was one, in units of the monitored metric.
            Defaults to 0: anything.
    """
    patience: int
    min_delta: float = 0.

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError('early_stopping.patience must be at least 1, '
                             f'got {self.patience}')
        if self.min_delta < 0:
            raise ValueError('early_stopping.min_delta must not be negative, '
                             f'got {self.min_delta}')


@dataclass
class Stage:
    """What trains, towards what, for how long, and which weights are kept.

    Args:
        name (str): Shown in logs and in ``summary.json``; unique in a run.
        train (Sequence[str] | 'all'): What trains; everything else is
            frozen. A modality stands for its encoder and its branch of the
            head; parts have dotted names, see :class:`TrainedParts`.
            Defaults to 'all'.
        objective (str | list[dict]): What it trains towards: configs of
            terms, or 'fused' for the loss of the fused prediction, or
            'unimodal' for the sum of the trained modalities' own losses.
            Defaults to 'unimodal' where some modalities train, or the only
            one; otherwise to the model's own objective.
        epochs (int): The most epochs the stage takes. Defaults to the
            loop's ``max_epochs``.
        monitor (str | Sequence[str]): Validation metric that chooses the
            best weights and drives early stopping; of several, their mean.
            Defaults to :func:`main_metric`, ``acc/top1`` for example, or to
            ``acc/top1_<modality>`` of those that train where the stage has
            no fused prediction.
        rule (str): 'greater' or 'less'. Defaults to 'greater'.
        keep (str): 'best' puts the best validated weights back when the
            stage ends, 'last' keeps the last. Defaults to 'best'.
        init (str): 'keep' starts from the weights as they stand, 'scratch'
            puts what the stage trains back to the weights the run started
            from, wherever those came from (the seed, ``init_cfg``,
            ``load_from``). Defaults to 'keep'.
        early_stopping (dict): Arguments of :class:`EarlyStopping`.
            Defaults to None, no early stopping.
        optim_wrapper (dict): Merged over the run's ``optim_wrapper`` for
            this stage. Defaults to None.
        param_scheduler (list | dict): Replaces the run's for this stage.
            Defaults to None, the run's own. Epoch counts are the stage's.
    """
    name: str
    train: Any = 'all'
    objective: Any = None
    epochs: int = 0
    monitor: Any = None
    rule: str = 'greater'
    keep: str = 'best'
    init: str = 'keep'
    early_stopping: Optional[Any] = None
    optim_wrapper: Optional[Dict] = None
    param_scheduler: Optional[Any] = None
    terms: Tuple[str, ...] = field(default=(), init=False, repr=False)
    active: Tuple[str, ...] = field(default=(), init=False, repr=False)
    complete: bool = field(default=True, init=False, repr=False)

    @classmethod
    def from_cfg(cls, cfg: Dict, model: MultimodalRecognizer,
                 epochs: int) -> 'Stage':
        """Build and check a stage.

        Args:
            cfg (dict): The stage as written in the config.
            model (MultimodalRecognizer): Or a model without named
                modalities.
            epochs (int): Default for ``epochs``.

        Raises:
            ValueError: A key nobody reads, an unknown modality or value;
                the message names the stage.
        """
        name = cfg.get('name', '<unnamed>')
        known = {f.name for f in fields(cls) if f.init}
        unknown = sorted(set(cfg) - known)
        if unknown:
            raise ValueError(f'stage {name!r}: unknown keys {unknown}; known '
                             f'are {sorted(known)}')
        stage = cls(**{'epochs': epochs, **cfg})
        stage._check(model)
        return stage

    def _check(self, model: MultimodalRecognizer) -> None:
        if isinstance(self.early_stopping, dict):
            known = [f.name for f in fields(EarlyStopping)]
            if not set(self.early_stopping) <= set(known):
                raise ValueError(
                    f'stage {self.name!r}: early_stopping has the keys '
                    f'{known}, got {list(self.early_stopping)}')
            self.early_stopping = EarlyStopping(**self.early_stopping)
        if isinstance(self.train, str) and self.train != 'all':
            self.train = [self.train]
        modalities = getattr(model, 'modalities', None)
        if modalities is None:
            if self.train != 'all':
                raise ValueError(
                    f'stage {self.name!r} trains {list(self.train)}, but the '
                    'model has no named modalities: use '
                    "mmbalance_plugin.MultimodalRecognizer, or train='all'")
            if self.init == 'scratch':
                raise ValueError(
                    f"stage {self.name!r}: init='scratch' needs a "
                    'mmbalance_plugin.MultimodalRecognizer, which can build '
                    'its parts anew')
        else:
            self._check_parts(model)
        for key, allowed in (('keep', ('best', 'last')),
                             ('init', ('keep', 'scratch')),
                             ('rule', ('greater', 'less'))):
            require_choice(f'stage {self.name!r}: {key}', getattr(self, key),
                           allowed)
        if self.epochs < 1 or self.epochs != int(self.epochs):
            raise ValueError(f'stage {self.name!r}: epochs are whole and at '
                             f'least 1, got {self.epochs}')
        if self.monitor is None:
            self.monitor = self._default_monitor(main_metric(model))
        if not isinstance(self.monitor, str):
            self.monitor = tuple(self.monitor)

    def _default_monitor(self, metric: str) -> Any:
        alone = self.objective == 'unimodal' and len(self.train) == 1
        if self.complete and not alone:
            return metric
        names = [m for m in self.active if m in self.train] or self.active
        found = [f'{metric}_{m}' for m in names]
        return found[0] if len(found) == 1 else found

    def _check_parts(self, model: MultimodalRecognizer) -> None:
        try:
            parts, trained = model.find_parts(self.train)
            whole = parts == ('', )
            names = set(model.modalities)
            if whole or set(self.train) <= names:
                self.train = trained
            # Alone, a modality trains the same way whichever others the
            # model has: with just one the fused loss is the same up to
            # rounding.
            if self.objective is None and set(self.train) <= names and (
                    not whole or len(trained) == 1):
                self.objective = 'unimodal'
            # Entered for a moment: what cannot be is told at the start.
            model.enter_stage(self.train, self.objective)
            self.terms = tuple(type(t).__name__ for t in model.terms)
            self.active, self.complete = model.active, model.complete
            if not any(p.requires_grad for p in model.parameters()):
                raise ValueError('it trains nothing, as all weights of '
                                 f'{self.train} were built frozen')
            for term in model.terms:
                term.check(model)
            model.leave_stage()
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'stage {self.name!r}: {error}') from error

    @property
    def monitored(self) -> Tuple[str, ...]:
        """tuple[str]: Whose mean is monitored."""
        return (self.monitor, ) if isinstance(self.monitor, str) else \
            self.monitor

    @property
    def monitor_name(self) -> str:
        """str: The monitored value as logs and ``summary.json`` name it."""
        return self.monitor if isinstance(self.monitor, str) else \
            f'mean({", ".join(self.monitor)})'

    @property
    def objective_name(self) -> str:
        """str: The objective as logs and ``summary.json`` name it."""
        names = ' + '.join(self.terms) or 'FusedLoss'
        return dict(FusedLoss='fused', UnimodalLoss='unimodal').get(
            names, names)
