"""A grid of runs: configs with options, times folds, times seeds.

Light on purpose: what is wrong with a config or an option is told before
anything heavy is imported.
"""
import argparse
import hashlib
import json
from pathlib import Path
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from mmengine.config import Config

from ..shipped import find_config
from .arguments import add_cfg_options
from .command import UsageError
from .launch import load_config

# What a config says that shapes no result.
_FREE = ('work_dir', 'resume', 'overwrite', 'launcher', 'experiment_name',
         'log_level', 'log_processor', 'visualizer', 'vis_backends')


class Run(NamedTuple):
    """One training run of a grid.

    Attributes:
        config (str): Name or path of the config, as the user wrote it.
        options (tuple[str]): KEY=VALUE.
        key (str): Hash of the resolved config.
        seed (int): Random seed.
        fold (int | None): Of the data, where they have folds.
        out (str): Where work dirs go.
        store (str): Where the record goes.
        keep (bool): Whether its checkpoints stay.
        split (str): Whose predicted classes the record keeps.
    """
    config: str
    options: Tuple[str, ...]
    key: str
    seed: int
    fold: Optional[int]
    out: str
    store: str
    keep: bool = False
    split: str = 'test'

    @property
    def row(self) -> str:
        """str: Name of the folder of all seeds and folds."""
        return f'{Path(self.config).stem}-{self.key}'

    @property
    def name(self) -> str:
        """str: Of the run among those of its row."""
        fold = '' if self.fold is None else f'fold_{self.fold}_'
        return f'{fold}seed_{self.seed}'

    @property
    def work_dir(self) -> Path:
        """Path: Where it trains."""
        return Path(self.out, self.row, self.name)

    @property
    def record(self) -> Path:
        """Path: What it leaves when it has finished."""
        return Path(self.store, self.row, f'{self.name}.json')

    def __str__(self) -> str:
        return f'{self.row}/{self.name}'


def resolve(config: str, options: Sequence[str],
            fold: Optional[int] = None) -> Config:
    """Read a config with its options and its fold.

    Args:
        config (str): Name or path.
        options (Sequence[str]): KEY=VALUE.
        fold (int, optional): Written into every data set of the config that
            has the key ``fold``. Defaults to None.

    Returns:
        Config: As it would be trained.

    Raises:
        UsageError: An option does not fit, or no data set has folds.
    """
    cfg = load_config(config, _parsed(options))
    if fold is not None:
        datasets = list(_with_fold(
            {k: v for k, v in cfg.items() if k.endswith('_dataloader')}))
        if not datasets:
            raise UsageError(f'{config}: no data set has a fold, so --folds '
                             'does not apply')
        for dataset in datasets:
            dataset['fold'] = fold
    return cfg


def key_of(cfg: Config, fold: Optional[int] = None) -> str:
    """What tells two settings apart: a hash of the resolved config.

    Neither the seed counts nor where outputs go, nor the fold where
    ``--folds`` gave it.
    """
    return hashlib.sha256(_content(cfg, fold).encode()).hexdigest()[:8]


def _content(cfg: Config, fold: Optional[int]) -> str:
    data = {k: v for k, v in cfg.to_dict().items() if k not in _FREE
            and not k.endswith('tuning')}
    data['randomness'] = dict(data.get('randomness') or {}, seed=None)
    for dataset in _with_fold(data) if fold is not None else ():
        dataset['fold'] = None
    return json.dumps(data, sort_keys=True, default=_name)


def make_grid(configs: Sequence[str], options: Sequence[str],
              seeds: Sequence[int], folds: Sequence[int],
              **where: Any) -> List[Run]:
    """All runs, the first seed of every row first.

    Args:
        configs (Sequence[str]): Each CONFIG or CONFIG::KEY=VALUE::...
        options (Sequence[str]): KEY=VALUE for all of them.
        seeds (Sequence[int]): Of each.
        folds (Sequence[int]): Of each; empty where data have none.
        where (Any): ``out``, ``store``, ``keep`` and ``split`` of
            :class:`Run`.

    Returns:
        list[Run]: In the order in which to train.

    Raises:
        UsageError: Two of them are the same run, or one is never judged on
            the split.
    """
    for name, values in (('--seeds', seeds), ('--folds', folds)):
        twice = [v for v in values if list(values).count(v) > 1]
        if twice:
            raise UsageError(f'{name}: {twice[0]} is given twice')
    settings = [spec.split('::') for spec in configs]
    for config, *_ in settings:
        find_config(config)
    rows: Dict[str, Tuple[str, Tuple[str, ...], str]] = {}
    for spec, (config, *own) in zip(configs, settings):
        own = [*options, *own]
        if any(option.startswith('randomness.seed=') for option in own):
            raise UsageError(f'{spec}: the seed is given by --seeds')
        fold = folds[0] if folds else None
        cfg = resolve(config, own, fold)
        judged = where.get('split', 'test')
        lacks = [name for name in (f'{judged}_dataloader',
                                   f'{judged}_evaluator') if not cfg.get(name)]
        if lacks:
            raise UsageError(f'{config} has no {" and no ".join(lacks)}, so '
                             'there would be nothing to compare')
        # 3 and 3.0 are written differently, and the same number.
        same = str(json.loads(_content(cfg, fold), parse_int=float))
        if same in rows:
            first, options_of, _ = rows[same]
            raise UsageError(f'{spec} is the same setting as '
                             f'{"::".join([first, *options_of])}: name it '
                             'once')
        rows[same] = config, tuple(own), key_of(cfg, fold)
    cells: Sequence[Optional[int]] = folds or [None]
    return [Run(*row, seed, fold, **where) for seed in seeds
            for fold in cells for row in rows.values()]


def check_baseline(configs: Sequence[str], baseline: str) -> None:
    """Refuse a baseline that no run will be of, as far as names tell.

    Args:
        configs (Sequence[str]): See :func:`make_grid`.
        baseline (str): What rows are to be held against.

    Raises:
        UsageError: Lists the methods that there will be.
    """
    from ..analysis.rows import data_of, without_data
    stems = {Path(spec.split('::')[0]).stem for spec in configs}
    for data in sorted({data_of(stem) for stem in stems}):
        own = {stem for stem in stems if data_of(stem) == data}
        methods = {without_data(stem, data) for stem in own}
        if baseline.split(' ')[0] not in own | methods:
            raise UsageError(f'--baseline: there will be no row {baseline!r}'
                             f'{f" of {data}" if data else ""}, but '
                             f'{", ".join(sorted(methods))}')


def check_metric(configs: Sequence[str], options: Sequence[str], metric: str,
                 split: str, each: bool = False) -> None:
    """Refuse a metric that no run will have, as far as configs tell.

    Args:
        configs (Sequence[str]): See :func:`make_grid`.
        options (Sequence[str]): KEY=VALUE for all of them.
        metric (str): Its name.
        split (str): 'test' or 'val'.
        each (bool): Whether all of them have to have it. Defaults to False.

    Raises:
        UsageError: Lists the metrics that there will be.
    """
    lacking: Dict[str, List[str]] = {}
    for spec in configs:
        config, *own = spec.split('::')
        names = _metrics(resolve(config, [*options, *own]), split)
        # What follows an '@' depends on what samples lack.
        if names and metric.split('@')[0] not in names:
            lacking[spec] = names
    if len(lacking) >= (1 if each else len(configs)):
        spec, names = next(iter(lacking.items()))
        raise UsageError(f'--metric: {spec} will have no {metric!r} on '
                         f'{split}, but {", ".join(names)}')


def _metrics(cfg: Config, split: str) -> List[str]:
    """Those of a config's runs; none where that cannot be known."""
    evaluator = cfg.get(f'{split}_evaluator')
    model = cfg.get('model') or {}
    # OPM and the like hold the recogniser.
    encoders = model.get('recognizer', model).get('encoders')
    if not (isinstance(evaluator, dict) and encoders and str(
            evaluator.get('type')).endswith('MultimodalMetric')):
        return []
    from ..analysis.measures import MEASURES
    from ..evaluation import MultimodalMetric
    told = MultimodalMetric(**{k: v for k, v in evaluator.items()
                               if k != 'type'})
    return [*(told.names(list(encoders), True) or ()),
            *(name + suffix for suffix in ['', *(f'_{m}' for m in encoders)]
              for name, measure in MEASURES.items()
              if not measure.classes_suffice)]


def _parsed(options: Sequence[str]) -> Optional[dict]:
    parser = argparse.ArgumentParser(prog='compare.py')
    add_cfg_options(parser)
    return parser.parse_args(
        ['--cfg-options', *options] if options else []).cfg_options


def _with_fold(section: Any) -> Iterator[dict]:
    """Data sets, at any depth, that can be told a fold."""
    if isinstance(section, dict):
        if 'fold' in section and 'type' in section:
            yield section
        section = list(section.values())
    if isinstance(section, (list, tuple)):
        for item in section:
            yield from _with_fold(item)


def _name(value: Any) -> str:
    """An object in a config; its own text may hold its address."""
    kind = value if hasattr(value, '__qualname__') else type(value)
    return f'{kind.__module__}.{kind.__qualname__}'
