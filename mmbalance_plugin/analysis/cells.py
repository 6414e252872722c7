"""Cells of the tables of a comparison: a head, and a list of rows."""
import math
from statistics import mean
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .comparison import Comparison, Finding
from .rows import Row

# Fused metrics beside the one that is compared: name, title, factor.
_MORE = (('acc/macro_f1', 'macro-F1', 100), ('ece', 'ECE', 100),
         ('log_loss', 'log-loss', 1))
#: Setting to numbers of other protocols.
Published = Mapping[str, Sequence[Mapping[str, Any]]]
#: Head and rows.
Cells = Tuple[List[str], List[List[str]]]


def score_cells(comparison: Comparison,
                published: Optional[Published] = None) -> Cells:
    """Metrics of every row; see :func:`~.tables.to_markdown`."""
    published = published or {}
    metric, split = comparison.metric, comparison.split
    own = scale(metric)
    columns = [(metric, 'fused', own)]
    columns += [(f'{metric}_{m}', m, own) for m in comparison.modalities]
    names = dict.fromkeys(n for row in comparison.rows
                          for r in row.records for n in r.scores(split))
    columns += [(n, n[len(metric):], own) for n in names
                if n.startswith(f'{metric}@')]
    columns += [more for more in _MORE if more[0] != metric]
    known = {row.method: published[name] for row in comparison.rows
             if (name := '::'.join([row.stem, *row.options])) in published}
    head = ['method', 'runs', *(title for _, title, _ in columns)]
    rows = []
    for row in comparison.rows:
        cells = [row.method, str(len(row.records))]
        cells += [_score(row, split, key, factor)
                  for key, _, factor in columns]
        if known:
            cells.append('; '.join(
                f'{entry["value"]} ({entry["source"]})'
                for entry in known.get(row.method, [])) or '-')
        rows.append(cells)
    if known:
        head.append('published, other protocol')
    return head, rows


def cost_cells(comparison: Comparison) -> Cells:
    """What every row cost."""
    estimates = any(cost_of(row)['estimator_steps'] for row in comparison.rows)
    head = ['method', 'anchor', 'steps',
            *(["estimator's steps"] if estimates else []), 'encoder samples',
            'MFLOPs at test', 'seconds, fastest run', 'MB', 'parameters']
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
            *([f'{cost["estimator_steps"]:.0f}'] if estimates else []),
            f'{cost["encoder_samples"]:.0f}',
            '-' if flops is None else f'{flops / 1e6:.2f}',
            f'{cost["wall_seconds"]:.1f}',
            f'{(cost["peak_memory_bytes"] or 0) / 2**20:.0f}',
            f'{cost["params_inference"]:,.0f}'])
    return head, rows


def cost_of(row: Row) -> Dict[str, Optional[float]]:
    """Mean cost of a row's runs; encoder samples of all modalities.

    Of wall seconds the least of a fold's seeds, which other work on the
    machine has disturbed least.
    """
    costs = [dict(r.cost, encoder_samples=sum(
        r.cost['encoder_samples'].values())) for r in row.records]
    names = dict.fromkeys(name for cost in costs for name in cost)
    means: Dict[str, Optional[float]] = {}
    for name in names:
        values = [c[name] for c in costs if c.get(name) is not None]
        means[name] = mean(values) if values else None
    means['wall_seconds'] = mean(
        min(r.cost['wall_seconds'] for r in seeds.values())
        for seeds in row.by_fold().values())
    return {'flops_inference': None, **means}


def difference_cells(comparison: Comparison) -> Cells:
    """Every finding."""
    unit = ' (points)' if scale(comparison.metric) == 100 else ''
    folds = any(f.fold is not None for f in comparison.findings)
    several = any(f.baseline is not comparison.baseline
                  for f in comparison.findings)
    head = ['method', *(['against'] if several else []),
            *(['fold'] if folds else []), 'pairs of runs',
            f'difference{unit}', 'interval', 'p', 'verdict']
    rows = []
    for found in comparison.findings:
        against = [found.baseline.method] if several else []
        fold = [] if not folds else [
            'all' if found.fold is None else str(found.fold)]
        rows.append([
            found.row.method, *against, *fold, str(found.difference.runs),
            signed(found.difference.estimate, comparison.metric),
            _interval(found, comparison.metric),
            '-' if math.isnan(found.difference.p)
            else f'{found.difference.p:.2g}', found.verdict])
    return head, rows


def scale(metric: str) -> int:
    """What a metric is multiplied by where it is shown."""
    return 1 if metric.startswith('log_loss') else 100


def _score(row: Row, split: str, key: str, factor: int) -> str:
    score = row.score(split, key)
    if score is None:
        return '-'
    text = f'{factor * score.mean:.{2 if factor == 100 else 3}f}'
    if score.deviation is None:
        return text
    return f'{text} ± {factor * score.deviation:.{2 if factor == 100 else 3}f}'


def signed(value: float, metric: str) -> str:
    """A difference, in points or as it is."""
    factor = scale(metric)
    return f'{factor * value:+.{2 if factor == 100 else 3}f}'


def _interval(found: Finding, metric: str) -> str:
    if math.isnan(found.low):
        return '-'
    return f'[{signed(found.low, metric)}, {signed(found.high, metric)}]'
