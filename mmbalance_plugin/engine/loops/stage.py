"""A stage of training, as data."""
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Sequence, Tuple

OBJECTIVES = ('fused', 'unimodal')
KEEP = ('best', 'last')
INIT = ('keep', 'scratch')


@dataclass
class EarlyStopping:
    """When a stage ends before its epochs are used up.

    Args:
        patience (int): Validations without improvement after which the
            stage ends.
        min_delta (float): What counts as an improvement, in units of the
            monitored metric. Defaults to 0.
    """
    patience: int
    min_delta: float = 0.

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError('early_stopping.patience must be at least 1, '
                             f'got {self.patience}')


@dataclass
class Stage:
    """What trains, towards what, for how long, and which weights are kept.

    Args:
        name (str): Shown in logs and in ``summary.json``; unique in a run.
        train (Sequence[str] | 'all'): The modalities whose encoder and
            classifier train; everything else is frozen. Defaults to 'all'.
        objective (str): 'fused', the loss of the fused prediction, or
            'unimodal', the sum of the trained modalities' own losses.
            Defaults to 'fused' where all of several modalities train,
            otherwise to 'unimodal'.
        epochs (int): The most epochs the stage takes. Defaults to the
            loop's ``max_epochs``.
        monitor (str): Validation metric that chooses the best weights and
            drives early stopping. Defaults to ``acc/top1`` for 'fused' and
            to ``acc/top1_<modality>`` where a single modality trains.
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
    objective: Optional[str] = None
    epochs: int = 0
    monitor: Optional[str] = None
    rule: str = 'greater'
    keep: str = 'best'
    init: str = 'keep'
    early_stopping: Optional[Any] = None
    optim_wrapper: Optional[Dict] = None
    param_scheduler: Optional[Any] = None
    auxiliary: Any = field(default=None, repr=False)

    @classmethod
    def from_cfg(cls, cfg: Dict, modalities: Optional[Sequence[str]],
                 epochs: int) -> 'Stage':
        """Build and check a stage.

        Args:
            cfg (dict): The stage as written in the config.
            modalities (Sequence[str] | None): The model's modalities, None
                for a model without named modalities.
            epochs (int): Default for ``epochs``.

        Raises:
            ValueError: A key nobody reads, an unknown modality or value;
                the message names the stage.
        """
        cfg = dict(cfg)
        name = cfg.get('name', '<unnamed>')
        known = set(cls.__dataclass_fields__) - {'auxiliary'}
        unknown = sorted(set(cfg) - known)
        if unknown:
            raise ValueError(f'stage {name!r}: unknown keys {unknown}; known '
                             f'are {sorted(known)}')
        cfg.setdefault('epochs', epochs)
        stage = cls(**cfg)
        stage._check(modalities)
        return stage

    def _check(self, modalities: Optional[Sequence[str]]) -> None:
        if isinstance(self.early_stopping, dict):
            self.early_stopping = EarlyStopping(**self.early_stopping)
        if isinstance(self.train, str) and self.train != 'all':
            self.train = [self.train]
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
            self.objective = self.objective or 'fused'
        else:
            trained = modalities if self.train == 'all' else self.train
            unknown = [m for m in trained if m not in modalities]
            if unknown or not trained:
                raise ValueError(
                    f'stage {self.name!r}: cannot train {unknown or trained}; '
                    f"the model's modalities are {list(modalities)}")
            # Alone, a modality trains the same way whichever others the model
            # has: with just one the fused loss is the same up to rounding.
            whole = set(trained) == set(modalities) and len(modalities) > 1
            self.train = tuple(m for m in modalities if m in trained)
            self.objective = self.objective or ('fused'
                                                if whole else 'unimodal')
        for key, allowed in (('objective', OBJECTIVES), ('keep', KEEP),
                             ('init', INIT), ('rule', ('greater', 'less'))):
            if getattr(self, key) not in allowed:
                raise ValueError(f'stage {self.name!r}: {key} must be one of '
                                 f'{allowed}, got {getattr(self, key)!r}')
        if self.epochs < 1:
            raise ValueError(f'stage {self.name!r}: epochs must be at least '
                             f'1, got {self.epochs}')
        if self.monitor is None:
            self.monitor = 'acc/top1'
            if self.objective == 'unimodal' and len(self.train) == 1:
                self.monitor = f'acc/top1_{self.train[0]}'

    @property
    def trained(self) -> Optional[Tuple[str, ...]]:
        """tuple[str] | None: Trained modalities; None means everything."""
        return None if self.train == 'all' else tuple(self.train)
