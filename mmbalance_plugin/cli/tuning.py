"""Equal tuning: as many settings on validation for one method as for another.

The settings of a config are itself and then those of its top-level
``tuning``, a list of options by dotted key::

    tuning = [{'model.q_base': 0.25}, {'model.q_base': 0.75}]

Several lists whose names end in ``tuning``, of methods put together, are gone
through in step. A config without any is tuned by its learning rate, three
times and a third of it.
"""
import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from ..utils.files import write_atomic
from .command import UsageError
from .grid import Run, make_grid, resolve

FILENAME = 'tuning.json'
FOLDER = 'tuning'
_RATE = 'optim_wrapper.optimizer.lr'


def tuning_specs(spec: str, options: Sequence[str], count: int) -> List[str]:
    """A config's settings, each as a specification of its own.

    Args:
        spec (str): CONFIG or CONFIG::KEY=VALUE...
        options (Sequence[str]): KEY=VALUE for all configs.
        count (int): How many settings.

    Returns:
        list[str]: The config as it is first.

    Raises:
        UsageError: There are not so many.
    """
    config, *own = spec.split('::')
    cfg = resolve(config, [*options, *own])
    lists = [value for key, value in cfg.items() if key.endswith('tuning')]
    if not lists:
        rate = cfg.optim_wrapper.optimizer.lr
        lists = [[{_RATE: f'{3 * rate:g}'}, {_RATE: f'{rate / 3:g}'}]]
    specs = [spec]
    for several in zip(*lists):
        specs.append('::'.join([spec, *(
            f'{k}={v}' for options in several for k, v in options.items())]))
    if count > len(specs):
        raise UsageError(f'{spec} has {len(specs)} settings, itself and '
                         f'those of its `tuning`: --tune {count} needs more')
    return specs[:count]


def tuning_grid(configs: Sequence[str], options: Sequence[str], count: int,
                seeds: Sequence[int], **where: Any) -> Dict[str, List[Run]]:
    """All runs on which settings are chosen.

    Args:
        configs (Sequence[str]): CONFIG or CONFIG::KEY=VALUE...
        options (Sequence[str]): KEY=VALUE for all of them.
        count (int): Settings of each config.
        seeds (Sequence[int]): Of each setting.
        where (Any): See :func:`~mmbalance_plugin.cli.grid.make_grid`; they
            go to a folder in there.

    Returns:
        dict[str, list[Run]]: By setting.
    """
    specs = [s for c in configs for s in tuning_specs(c, options, count)]
    for key in ('out', 'store'):
        where[key] = str(Path(where[key], FOLDER))
    grid = make_grid(specs, options, seeds, **where)
    return {spec: grid[i::len(specs)] for i, spec in enumerate(specs)}


def choose(grid: Dict[str, List[Run]], count: int, metric: Optional[str],
           store: str) -> List[str]:
    """Choose each config's setting by its mean on validation.

    What was tried, and to what end, goes to ``tuning.json`` of the store,
    beside what is there of other configs. A setting of which a run failed
    was tried in vain; a config of which all are is not chosen for.

    Args:
        grid (dict): From :func:`tuning_grid`, and performed.
        count (int): Settings of each config.
        metric (str, optional): What is compared; the first of equal settings
            is taken. None is :func:`usual_metric`.
        store (str): Where the records lie.

    Returns:
        list[str]: A setting for each config left, in their order.

    Raises:
        UsageError: A run has no such metric.
    """
    from mmbalance_plugin.analysis.comparison import sign_of, usual_metric
    from mmbalance_plugin.analysis.records import read_record, read_tuning
    found = {spec: [read_record(run.record).scores('val') for run in runs]
             for spec, runs in grid.items()
             if all(run.record.is_file() for run in runs)}
    means: Dict[str, float] = {}
    for spec, scores in found.items():
        metric = metric or usual_metric(scores[0])
        if any(metric not in s for s in scores):
            raise UsageError(f'{spec} has no {metric!r} on validation')
        means[spec] = sum(s[metric] for s in scores) / len(scores)
    specs, chosen = list(grid), []
    path = Path(store, FILENAME)
    told = read_tuning(path.parent)
    for base, *others in zip(*[iter(specs)] * count):
        own = {spec: spec[len(base):].strip(':') for spec in (base, *others)}
        if not means.keys() & own.keys():
            continue
        assert metric is not None
        best = max((spec for spec in own if spec in means),
                   key=lambda spec: sign_of(metric) * means[spec])
        chosen.append(best)
        run = grid[best][0]
        told = [t for t in told
                if (t['key'], t['fold']) != (run.key, run.fold)]
        told.append(dict(
            key=run.key, fold=run.fold, config=base, metric=metric,
            seeds=[run.seed for run in grid[best]],
            chosen=own[best].split('::') if own[best] else [],
            validation={o: means.get(spec) for spec, o in own.items()}))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, [json.dumps(told, indent=1).encode() + b'\n'])
    return chosen
