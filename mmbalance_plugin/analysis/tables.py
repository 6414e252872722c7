"""Comparisons as Markdown, CSV and JSON."""
import csv
import io
import json
import math
import shlex
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ..shipped import tool_call
from .cells import (
    Published,
    cost_cells,
    cost_of,
    difference_cells,
    scale,
    score_cells,
    signed,
)
from .comparison import BASELINE, Comparison, Finding, measure_of
from .measures import MEASURES
from .rows import Row


def to_markdown(comparison: Comparison,
                published: Optional[Published] = None) -> str:
    """Three tables: scores, cost, differences; and how they came about.

    Args:
        comparison (Comparison): Of one data set.
        published (Mapping, optional): Setting, such as ``joint_cgmnist``
            or ``joint_cgmnist::KEY=VALUE``, to numbers of other protocols,
            each with ``value`` (in percent) and ``source``. They stand in a
            column marked as such.

    Returns:
        str: Markdown.
    """
    texts = [markdown_table(*score_cells(comparison, published or {})),
             markdown_table(*cost_cells(comparison))]
    if comparison.findings:
        texts.append(_differences(comparison))
    elif len(comparison.rows) > 1 and not measure_of(comparison.metric):
        others = [f'`--metric {m}`' for m in MEASURES if any(
            row.score(comparison.split, m) for row in comparison.rows)]
        texts.append(
            f'No differences in {comparison.metric}, which is no function of '
            f'sums over samples; there are some with {", ".join(others)}.')
    elif not (comparison.data or comparison.baseline) and comparison.rows[1:]:
        texts.append(
            f'No differences: no row is called {BASELINE}; `--baseline` takes '
            f'{", ".join(f"`{row.method}`" for row in comparison.rows)}.')
    texts += [*_tuning(comparison), _origin(comparison)]
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
                f'{data["metric"]} minus {found["baseline"]}',
                found['difference'], found['error'], found['low'],
                found['high'], found['p'], found['verdict']])
    return text.getvalue()


def command(rows: Sequence[Row]) -> str:
    """The command lines that give these rows.

    Rows of other seeds or folds take a line of their own; configs that all
    have the same several settings take one for each setting.
    """
    alike: Dict[Any, List[Row]] = {}
    for row in rows:
        runs = frozenset((r.fold, r.seed) for r in row.records)
        alike.setdefault(runs, []).append(row)
    return '\n'.join(line for own in alike.values() for line in _lines(own))


def _lines(rows: Sequence[Row]) -> List[str]:
    settings: Dict[Tuple[str, ...], Dict[str, Row]] = {}
    for row in rows:
        configs = settings.setdefault(tuple(row.options), {})
        configs[row.records[0].config] = row
    first, *others = settings.values()
    if len(first) > 1 and all(o.keys() == first.keys() for o in others):
        return [_command_line(list(s.values())) for s in settings.values()]
    return [_command_line(rows)]


def _command_line(rows: Sequence[Row]) -> str:
    words = tool_call('compare').split()
    shared = [o for o in rows[0].options
              if all(o in row.options for row in rows)]
    words += ['::'.join([row.records[0].config,
                         *(o for o in row.options if o not in shared)])
              for row in rows]
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


def _tuning(comparison: Comparison) -> List[str]:
    """What was tried on validation, a table for each budget."""
    budgets: Dict[Tuple[Any, ...], List[List[str]]] = {}
    for row in comparison.rows:
        for told in row.tuning:
            metric, fold = told['metric'], told['fold']
            name = row.method + (f', fold {fold}' if fold is not None else '')
            budgets.setdefault(
                (len(told['validation']), metric, *told['seeds']), []).append(
                    [name, ' / '.join(_tried(setting, told)
                                      for setting in told['validation'])])
    untuned = [r.method for r in comparison.rows if not r.tuning]
    end = f' Not tuned: {", ".join(untuned)}.' if budgets and untuned else ''
    return [
        f'Each had {count} settings on validation, with seeds '
        f'{", ".join(map(str, seeds))}; then the one in bold was trained with '
        f'seeds of its own.{end}\n\n'
        + markdown_table(['method', f'{metric} on validation'], rows)
        for (count, metric, *seeds), rows in budgets.items()]


def _tried(setting: str, told: Mapping[str, Any]) -> str:
    value = told['validation'][setting]
    text = ', '.join(setting.split('::')) or 'as it is'
    text += ': failed' if value is None else \
        f': {scale(told["metric"]) * value:.2f}'
    chosen = setting == '::'.join(told['chosen'])
    return f'**{text}**' if chosen else text


def _differences(comparison: Comparison) -> str:
    assert comparison.baseline is not None
    same = '' if all(f.baseline is comparison.baseline
                     for f in comparison.findings) else \
        ' (with the same options, where there is such a row)'
    what = 'each sample by itself' if comparison.source is None else \
        f'samples of one {comparison.source} together'
    note = (
        f'Differences in {comparison.metric} to {comparison.baseline.method}'
        f'{same} on the same test samples, paired by seed. Errors are of a '
        f'bootstrap that resamples {what} and of the spread over seeds; '
        "intervals have the level at which Holm's correction holds each of "
        f'the {len(comparison.findings)} comparisons to 5 % in all, and the '
        'verdict says whether they leave out zero.')
    said = '\n'.join(f'* {text}' for _, text in sentences(comparison))
    return '\n\n'.join([
        note, markdown_table(*difference_cells(comparison)), said])


def sentences(comparison: Comparison) -> List[Tuple[str, str]]:
    """Findings in words: a verdict, and in Markdown what it is about."""
    said = {'helps': '**Helps** against', 'hurts': '**Hurts** against',
            'within noise': '**Within noise** of',
            'too few seeds': '**Too few seeds** to be held against'}
    found = []
    for kind, words in said.items():
        for other in comparison.rows:
            rows: Dict[str, List[str]] = {}
            for f in comparison.findings:
                if f.verdict == kind and f.baseline is other:
                    where = '' if f.fold is None else f' on fold {f.fold}'
                    rows.setdefault(f.row.method, []).append(signed(
                        f.difference.estimate, comparison.metric) + where)
            if rows:
                found.append((kind, f'{words} {other.method}: ' + ', '.join(
                    f'{method} ({", ".join(sizes)})'
                    for method, sizes in rows.items()) + '.'))
    return found


def _origin(comparison: Comparison) -> str:
    records = [r for row in comparison.rows for r in row.records]
    commits = ', '.join(sorted({str(r.commit) for r in records}))
    machines = '; '.join(sorted({r.machine for r in records}))
    commands = '\n'.join(map(_wrapped, command(comparison.rows).split('\n')))
    folds = {r.fold for r in records} - {None}
    over = f' over {len(folds)} folds' if folds else ''
    data = f' of {comparison.data}' if comparison.data else ''
    split = comparison.split.capitalize()
    return (f'{split}{data}{over}, mean ± deviation over seeds, in percent '
            f'(log-loss in nats); commit {commits}; {machines}:\n\n'
            f'```bash\n{commands}\n```')


def _wrapped(line: str) -> str:
    lines = ['']
    for word in line.split(' '):
        if lines[-1] and len(lines[-1]) + len(word) > 74:
            lines.append('   ')
        lines[-1] = f'{lines[-1]} {word}' if lines[-1] else word
    return ' \\\n'.join(lines)


def _row_data(row: Row, split: str) -> Dict[str, Any]:
    first = row.records[0]
    names = dict.fromkeys(n for r in row.records for n in r.scores(split))
    return dict(
        method=row.name, config=first.config, options=row.options,
        key=first.key, tuning=list(row.tuning),
        runs=[[r.fold, r.seed] for r in row.records],
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
        method=found.row.name, baseline=found.baseline.name, fold=found.fold,
        pairs=found.difference.runs, verdict=found.verdict,
        **{k: None if math.isnan(v) else v for k, v in numbers.items()})
