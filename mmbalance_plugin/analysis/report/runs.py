"""The report of several finished runs."""
import math
from typing import List, Optional, Sequence, Tuple

from ..cells import cost_cells, difference_cells, score_cells
from ..comparison import Comparison
from ..curves import curve, read_scalars
from ..rows import Row
from ..tables import command, sentences
from .page import Figure, Section, Table, Verdict, render_page
from .plots import intervals, lines

_TONES = {'helps': 'good', 'hurts': 'warn'}
Line = Tuple[List[float], List[float]]


def runs_report(comparisons: Sequence[Comparison]) -> str:
    """Write comparisons as a page.

    Args:
        comparisons (Sequence[Comparison]): One for each data set.

    Returns:
        str: An HTML document, see :func:`render_page`.
    """
    verdicts, sections = [], []
    for found in comparisons:
        start = f'{found.data}: ' if len(comparisons) > 1 else ''
        verdicts += [
            Verdict(_TONES.get(kind, 'unknown'),
                    start + text.replace('**', ''))
            for kind, text in sentences(found)]
        end = f' on {found.data}' if len(comparisons) > 1 else ''
        sections += _sections(found, end)
    records = [r for c in comparisons for row in c.rows for r in row.records]
    return render_page(
        'Comparison of ' + ', '.join(c.data or 'runs' for c in comparisons),
        verdicts, sections, dict(
            commit=', '.join(sorted({str(r.commit) for r in records})),
            machine='; '.join(sorted({r.machine for r in records})),
            seeds=' '.join(map(str, sorted({r.seed for r in records}))),
            split=', '.join(sorted({c.split for c in comparisons}))))


def _sections(found: Comparison, end: str) -> List[Section]:
    parts = [Section(
        f'What do they reach{end}?',
        'Mean and deviation over seeds, in percent (log-loss in nats).',
        tables=[Table(*score_cells(found))], command=command(found.rows))]
    if found.findings and found.baseline is not None:
        scale = .01 if found.metric.startswith('log_loss') else 1
        drawn = {
            f.row.method + ('' if f.fold is None else f', fold {f.fold}'):
            {'difference': [scale * v for v in (
                f.difference.estimate, f.low, f.high)]}
            for f in found.findings if not math.isnan(f.low)}
        unit = ', points' if scale == 1 else ''
        parts.append(Section(
            f'Is it more than chance{end}?',
            f'Differences to {found.baseline.method}, paired by seed and '
            "sample, with intervals that hold together (Holm's correction).",
            [Figure(intervals(drawn, f'difference in {found.metric}{unit}'),
                    'What covers zero is within noise.')] if drawn else [],
            [Table(*difference_cells(found))]))
    parts.append(Section(f'What do they cost{end}?',
                         'Means of the runs, seconds of the fastest.',
                         tables=[Table(*cost_cells(found))]))
    series = {row.method: line for row in found.rows
              if (line := _course(row, found.metric)) is not None}
    if series:
        parts.append(Section(
            f'How did they get there{end}?',
            f'{found.metric} on validation while training, mean over seeds; '
            'runs whose logs are not beside their records, or that ended at '
            'different epochs, are left out.',
            [Figure(lines(series, 'epoch', f'{found.metric}, %'),
                    f'{found.metric} over epochs.')]))
    return parts


def _course(row: Row, metric: str) -> Optional[Line]:
    """A metric over epochs in percent, if the runs' logs are there."""
    logs = [read_scalars(str(r.work_dir)) for r in row.records]
    if not all(logs):
        return None
    try:
        found = curve([[r for r in log if 'iter' not in r] for log in logs],
                      metric)
    except ValueError:
        return None
    if not len(found.steps):
        return None
    return (found.steps.tolist(),
            (100 * found.values.mean(axis=0)).tolist())
