"""Small studies of OGM, OGM-GE and OPM, each a Markdown table.

All of them look at validation data only.
"""
from statistics import mean, stdev
from typing import Dict, List, Optional, Sequence

from mmbalance_plugin.analysis.curves import Records, find_runs, read_scalars
from studies_dominance import DominanceProbe, epoch_summary
from studies_trials import Size, Trial, run_trials

METRIC = 'acc/top1'
LEVELS = (.9, .95, .99)


def dominance(folder: str, size: Size, seeds: Sequence[int]) -> str:
    """Split against zero-out in naming the dominant modality."""
    heads = dict(
        linear='mmbalance_plugin.ConcatHead', MLP='mmbalance_plugin.MLPHead')
    trials = [
        Trial(f'joint_{data}', f'{data}_{head}', {'model.head.type': kind})
        for data in ('av_digits', 'multiple_features')
        for head, kind in heads.items()
    ]
    outcomes = run_trials(trials, size, seeds, folder, DominanceProbe)
    rows = []
    for label, runs in outcomes.items():
        data, head = label.rsplit('_', 1)
        epochs = len(runs[0].extra)
        for epoch in sorted({0, 1, epochs // 2, epochs - 1} &
                            set(range(epochs))):
            found = epoch_summary(
                [batch for run in runs for batch in run.extra[epoch]])
            cells = [data, head, str(epoch + 1)]
            for way in ('split', 'zero_out', 'exchanged'):
                name = found['leader'].get(way)
                cells.append('-' if name is None else
                             f'{name} {found["lead"][way]:.2f}')
            for pair in (('split', 'zero_out'), ('split', 'exchanged'),
                         ('zero_out', 'exchanged')):
                share = found['agree'].get(pair)
                cells.append('-' if share is None else f'{100 * share:.0f} %')
            rows.append(cells)
    return markdown(
        ['set', 'head', 'epoch', 'split', 'zero-out', 'exchanged',
         'split = zero-out', 'split = exchanged', 'zero-out = exchanged'],
        rows)


def noise(folder: str, size: Size, seeds: Sequence[int],
          data: str = 'av_digits') -> str:
    """OGM-GE's noise: scale times distribution."""
    distributions = ('normal', 'uniform', 'rademacher')
    scales = (.3, 1., 3.)
    option = 'optim_wrapper.generalization_enhancement'
    trials = [Trial(f'ogm_ge_{data}', f'{data}_none', {option: False})]
    trials += [
        Trial(f'ogm_ge_{data}', f'{data}_{distribution}_{scale:g}',
              {option: dict(_delete_=True, distribution=distribution,
                            scale=scale)})
        for distribution in distributions for scale in scales
    ]
    found = run_trials(trials, size, seeds, folder)
    rows = [['no noise (OGM)'] +
            [spread(_accuracy(found[f'{data}_none']))] * len(scales)]
    rows += [[distribution] + [
        spread(_accuracy(found[f'{data}_{distribution}_{scale:g}']))
        for scale in scales
    ] for distribution in distributions]
    return markdown(['noise'] + [f'scale {scale:g}' for scale in scales],
                    rows)


def convergence(folder: str, size: Size, seeds: Sequence[int],
                data: str = 'av_digits') -> str:
    """Epochs to reach a level, and the best level."""
    methods = ('joint', 'ogm_ge', 'opm', 'opm_ogm_ge')
    if data == 'av_digits':
        methods = ('joint', 'ogm', 'ogm_ge', 'opm', 'opm_ogm_ge')
    trials = [Trial(f'{m}_{data}', f'{m}_{data}') for m in methods]
    found = run_trials(trials, size, seeds, folder)
    return convergence_table({
        label: [run.records for run in runs]
        for label, runs in found.items()
    })


def convergence_of_runs(paths: Sequence[str],
                        levels: Sequence[float] = LEVELS) -> str:
    """:func:`convergence` of runs that are there already."""
    return convergence_table({
        method: [read_scalars(folder) for folder in folders]
        for method, folders in find_runs(paths).items()
    }, levels=levels)


def convergence_table(runs: Dict[str, Sequence[Records]],
                      metric: str = METRIC,
                      levels: Sequence[float] = LEVELS) -> str:
    """How fast and how far each method gets.

    The levels are shares of the first method's best validation accuracy,
    a mean over its seeds.

    Args:
        runs (dict[str, Sequence[list]]): Method to the logs of its seeds.
        metric (str): Validation metric. Defaults to 'acc/top1'.
        levels (Sequence[float]): Defaults to (.9, .95, .99).

    Returns:
        str: A Markdown table; '>' where a seed never got there.
    """
    series = {m: [epoch_values(r, metric) for r in records]
              for m, records in runs.items()}
    base = mean(max(values) for values in next(iter(series.values())))
    rows = []
    for method, seeds in series.items():
        cells = [method, str(len(seeds))]
        for level in levels:
            epochs = [first_epoch(values, level * base) for values in seeds]
            reached = [e for e in epochs if e is not None]
            if len(reached) < len(epochs):
                cells.append(f'> ({len(reached)} of {len(epochs)} seeds)')
            else:
                cells.append(spread(epochs, 1.))
        cells.append(spread([100 * max(values) for values in seeds], 1.))
        cells.append(spread([values.index(max(values)) + 1
                             for values in seeds], 1.))
        rows.append(cells)
    head = ['method', 'seeds'] + [
        f'epochs to {100 * level * base:.1f} %' for level in levels
    ] + ['best level %', 'in epoch']
    return markdown(head, rows)


def epoch_values(records: Records, metric: str = METRIC) -> List[float]:
    """A validation metric epoch by epoch, of one run.

    Raises:
        ValueError: It was never logged.
    """
    points: Dict[int, float] = {}
    for record in records:
        if metric in record and 'iter' not in record:
            # The assembled model is validated under the last epoch's number.
            points.setdefault(int(record['step']), float(record[metric]))
    if not points:
        raise ValueError(f'{metric!r} was never logged: only runs with one '
                         'stage have a fused prediction in every epoch')
    return [points[step] for step in sorted(points)]


def first_epoch(values: Sequence[float], level: float) -> Optional[int]:
    """The first epoch, counted from 1, that reaches a level."""
    return next((i + 1 for i, value in enumerate(values) if value >= level),
                None)


def _accuracy(runs: Sequence) -> List[float]:
    return [run.val[METRIC] for run in runs]


def spread(values: Sequence[float], factor: float = 100.) -> str:
    """Mean and sample standard deviation, of percentages by default."""
    scaled = [factor * value for value in values]
    if len(scaled) == 1:
        return f'{scaled[0]:.1f}'
    return f'{mean(scaled):.1f} ± {stdev(scaled):.1f}'


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ['| ' + ' | '.join(cells) + ' |' for cells in (head, *rows)]
    lines.insert(1, '|---' * len(head) + '|')
    return '\n'.join(lines)


STUDIES = {
    'dominance': dominance,
    'noise': noise,
    'convergence': convergence,
}
