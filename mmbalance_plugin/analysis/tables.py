"""Comparisons as Markdown, CSV and JSON."""
import csv
import io
import json
import math
import shlex
from statistics import mean
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .comparison import Comparison, Finding
from .rows import Row

# Fused metrics beside the one that is compared: name, title, factor.
_MORE = (('acc/macro_f1', 'macro-F1', 100), ('ece', 'ECE', 100),
         ('log_loss', 'log-loss', 1))
Published = Mapping[str, Mapping[str, Any]]
#: Head and rows.
Cells = Tuple[List[str], List[List[str]]]


def to_markdown(comparison: Comparison,
                published: Optional[Published] = None) -> str:
    """Three tables: scores, cost, differences; and how they came about.

    Args:
        comparison (Comparison): Of one data set.
        published (Mapping, optional): Config's name to ``value`` (in
            percent) and ``source``: numbers of other protocols, in a column
            marked as such.

    Returns:
        str: Markdown.
    """
    texts = [markdown_table(*score_cells(comparison, published or {})),
             markdown_table(*cost_cells(comparison))]
    if comparison.findings:
        texts.append(_differences(comparison))
    texts.append(_origin(comparison))
    return '\n\n'.join(texts) + '\n'


def to_data(comparison: Comparison) -> Dict[str, Any]:
    """The same as plain data, unrounded, accuracies in [0, 1]."""
    baseline = comparison.baseline
    return dict(
        data=comparison.data,
        split=comparison.split,
        metric=comparison.metric,
        baseline=baseline.name if baseline else None,
        clusters=comparison.source,
        command=command(comparison.rows),
        rows=[_row_data(row, comparison.split) for row in comparison.rows],
        differences=[_finding_data(f) for f in comparison.findings])


def to_json(comparisons: Sequence[Comparison]) -> str:
    """All comparisons as one JSON text."""
    return json.dumps([to_data(c) for c in comparisons], indent=1,
                      allow_nan=False) + '\n'


def to_csv(comparisons: Sequence[Comparison]) -> str:
    """A line for every number: data, method, fold, quantity, value ..."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['data', 'method', 'fold', 'quantity', 'value',
                     'deviation', 'low', 'high', 'p', 'verdict'])
    for data in map(to_data, comparisons):
        for row in data['rows']:
            start = [data['data'], row['method'], '']
            for name, score in row['scores'].items():
                writer.writerow([*start, name, *score, '', '', '', ''])
            for name, value in row['cost'].items():
                writer.writerow([*start, name, value, '', '', '', '', ''])
        for found in data['differences']:
            writer.writerow([
                data['data'], found['method'], found['fold'],
                f'{data["metric"]} minus {data["baseline"]}',
                found['difference'], found['error'], found['low'],
                found['high'], found['p'], found['verdict']])
    return text.getvalue()


def command(rows: Sequence[Row]) -> str:
    """The command line that gives these rows."""
    first = [row.records[0] for row in rows]
    words = ['python', 'tools/compare.py']
    shared = [o for o in first[0].options
              if all(o in r.options for r in first)]
    words += ['::'.join([r.config, *(o for o in r.options
                                     if o not in shared)]) for r in first]
    for flag, key in (('--seeds', 'seed'), ('--folds', 'fold')):
        values = {getattr(r, key) for row in rows for r in row.records}
        if values != {None}:
            words += [flag, *map(str, sorted(values - {None}))]
    if shared:
        words += ['--cfg-options', *shared]
    return shlex.join(words)


def markdown_table(head: Sequence[str],
                   rows: Sequence[Sequence[str]]) -> str:
    """A table of cells."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)


def tuning_table(tuning: Mapping[str, Any]) -> str:
    """What was tried on validation, from ``tuning.json``."""
    metric = tuning['metric']
    rows = [
        [config, ' / '.join(
            f'{"**" if spec == told["chosen"] else ""}'
            f'{", ".join(spec.split("::")[1:]) or "as it is"}: '
            f'{_scale(metric) * value:.2f}'
            f'{"**" if spec == told["chosen"] else ""}'
            for spec, value in told['validation'].items())]
        for config, told in tuning['configs'].items()]
    return (f'Each had {tuning["settings"]} settings on validation, with '
            f'seeds {", ".join(map(str, tuning["seeds"]))}; then the one in '
            'bold was trained with seeds of its own.\n\n'
            + markdown_table(['config', f'{metric} on validation'], rows)
            + '\n')


def score_cells(comparison: Comparison,
                published: Optional[Published] = None) -> Cells:
    """Metrics of every row; see :func:`to_markdown`."""
    published = published or {}
    metric, split = comparison.metric, comparison.split
    scale = _scale(metric)
    columns = [(metric, 'fused', scale)]
    columns += [(f'{metric}_{m}', m, scale) for m in comparison.modalities]
    columns += [more for more in _MORE if more[0] != metric]
    known = {row.method: published[row.records[0].stem]
             for row in comparison.rows
             if row.records[0].stem in published}
    head = ['method', 'runs', *(title for _, title, _ in columns)]
    rows = []
    for row in comparison.rows:
        cells = [row.method, str(len(row.records))]
        cells += [_score(row, split, key, factor)
                  for key, _, factor in columns]
        if known:
            entry = known.get(row.method)
            cells.append(f'{entry["value"]} ({entry["source"]})' if entry
                         else '-')
        rows.append(cells)
    if known:
        head.append('published, other protocol')
    return head, rows


def cost_cells(comparison: Comparison) -> Cells:
    """What every row cost."""
    head = ['method', 'anchor', 'steps', 'encoder samples',
            'MFLOPs a sample', 'seconds', 'MB', 'parameters']
    rows = []
    for row in comparison.rows:
        anchors = [r.anchor for r in row.records if r.anchor]
        cost = cost_of(row)
        flops = cost['flops_inference']
        rows.append([
            row.method,
            ', '.join(f'{a} {anchors.count(a)}x'
                      for a in dict.fromkeys(anchors)) or '-',
            f'{cost["optimizer_steps"]:.0f}',
            f'{cost["encoder_samples"]:.0f}',
            '-' if flops is None else f'{flops / 1e6:.2f}',
            f'{cost["wall_seconds"]:.0f}',
            f'{(cost["peak_memory_bytes"] or 0) / 2**20:.0f}',
            f'{cost["params_inference"]:,.0f}'])
    return head, rows


def cost_of(row: Row) -> Dict[str, Optional[float]]:
    """Mean cost of a row's runs; encoder samples of all modalities."""
    costs = [dict(r.cost, encoder_samples=sum(
        r.cost['encoder_samples'].values())) for r in row.records]
    names = dict.fromkeys(name for cost in costs for name in cost)
    means: Dict[str, Optional[float]] = {}
    for name in names:
        values = [c[name] for c in costs if c.get(name) is not None]
        means[name] = mean(values) if values else None
    return {'flops_inference': None, **means}


def _differences(comparison: Comparison) -> str:
    assert comparison.baseline is not None
    what = 'each sample by itself' if comparison.source is None else \
        f'samples of one {comparison.source} together'
    note = (
        f'Differences in {comparison.metric} to {comparison.baseline.method} '
        'on the same test samples, paired by seed. Errors are of a bootstrap '
        f'that resamples {what} and of the spread over seeds; intervals have '
        "the level at which Holm's correction holds each of the "
        f'{len(comparison.findings)} comparisons to 5 % in all, and the '
        'verdict says whether they leave out zero.')
    sentences = '\n'.join(f'* {sentence(f, comparison)}'
                          for f in comparison.findings)
    return '\n\n'.join([
        note, markdown_table(*difference_cells(comparison)), sentences])


def difference_cells(comparison: Comparison) -> Cells:
    """Every finding."""
    unit = ' (points)' if _scale(comparison.metric) == 100 else ''
    folds = any(f.fold is not None for f in comparison.findings)
    head = ['method', *(['fold'] if folds else []), 'pairs of runs',
            f'difference{unit}', 'interval', 'p', 'verdict']
    rows = []
    for found in comparison.findings:
        fold = [] if not folds else [
            'all' if found.fold is None else str(found.fold)]
        rows.append([
            found.row.method, *fold, str(found.difference.runs),
            _signed(found.difference.estimate, comparison.metric),
            _interval(found, comparison.metric),
            '-' if math.isnan(found.difference.p)
            else f'{found.difference.p:.2g}', found.verdict])
    return head, rows


def sentence(found: Finding, comparison: Comparison) -> str:
    """A finding in words, in Markdown."""
    assert comparison.baseline is not None
    where = '' if found.fold is None else f' on fold {found.fold}'
    size = _signed(found.difference.estimate, comparison.metric)
    if not math.isnan(found.low):
        size += f' {_interval(found, comparison.metric)}'
    said = {
        'too few seeds': 'has too few seeds to be held against',
        'within noise': 'is **within noise** of',
    }.get(found.verdict, f'**{found.verdict}** against')
    return (f'{found.row.method} {said} {comparison.baseline.method}{where}: '
            f'{size}.')


def _origin(comparison: Comparison) -> str:
    records = [r for row in comparison.rows for r in row.records]
    commits = ', '.join(sorted({str(r.commit) for r in records}))
    machines = '; '.join(sorted({r.machine for r in records}))
    words = command(comparison.rows).split(' ')
    lines = ['']
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) > 74:
            lines.append('   ')
        lines[-1] = f'{lines[-1]} {word}' if lines[-1] else word
    folds = {r.fold for r in records} - {None}
    over = f' over {len(folds)} folds' if folds else ''
    data = f' of {comparison.data}' if comparison.data else ''
    split = comparison.split.capitalize()
    return (f'{split}{data}{over}, mean ± deviation over seeds, in percent '
            f'(log-loss in nats); commit {commits}; {machines}:\n\n'
            '```bash\n' + ' \\\n'.join(lines) + '\n```')


def _row_data(row: Row, split: str) -> Dict[str, Any]:
    first = row.records[0]
    names = dict.fromkeys(n for r in row.records for n in r.scores(split))
    return dict(
        method=row.name, config=first.config, options=first.options,
        key=first.key, runs=[[r.fold, r.seed] for r in row.records],
        commits=sorted({str(r.commit) for r in row.records}),
        machines=sorted({r.machine for r in row.records}),
        scores={name: row.score(split, name) for name in names},
        cost=cost_of(row))


def _finding_data(found: Finding) -> Dict[str, Any]:
    numbers = dict(
        difference=found.difference.estimate, error=found.difference.error,
        low=found.low, high=found.high, level=found.level,
        p=found.difference.p)
    return dict(
        method=found.row.name, fold=found.fold, pairs=found.difference.runs,
        verdict=found.verdict,
        **{k: None if math.isnan(v) else v for k, v in numbers.items()})


def _scale(metric: str) -> int:
    return 1 if metric.startswith('log_loss') else 100


def _score(row: Row, split: str, key: str, factor: int) -> str:
    score = row.score(split, key)
    if score is None:
        return '-'
    text = f'{factor * score.mean:.{2 if factor == 100 else 3}f}'
    if score.deviation is None:
        return text
    return f'{text} ± {factor * score.deviation:.{2 if factor == 100 else 3}f}'


def _signed(value: float, metric: str) -> str:
    scale = _scale(metric)
    return f'{scale * value:+.{2 if scale == 100 else 3}f}'


def _interval(found: Finding, metric: str) -> str:
    if math.isnan(found.low):
        return '-'
    return f'[{_signed(found.low, metric)}, {_signed(found.high, metric)}]'
