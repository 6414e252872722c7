"""One table over several data sets: a row a method, a column a set."""
from typing import Dict, Sequence

from .cells import scale, signed
from .comparison import Comparison, Finding
from .tables import markdown_table


def overview(comparisons: Sequence[Comparison]) -> str:
    """Differences to each set's baseline, of methods seen on several sets.

    Args:
        comparisons (Sequence[Comparison]): Of one data set each, of the same
            metric.

    Returns:
        str: Markdown. The baseline's row has its own score; a difference
        outside of noise is bold; folds that are not pooled stand side by
        side.
    """
    cells: Dict[str, Dict[str, str]] = {}
    for c in comparisons:
        score = c.baseline and c.baseline.score(c.split, c.metric)
        if c.baseline is not None and score:
            cells.setdefault(c.baseline.method, {})[c.data] = \
                f'{scale(c.metric) * score.mean:.2f}'
        for found in c.findings:
            own = cells.setdefault(found.row.method, {})
            own[c.data] = ' / '.join(
                filter(None, (own.get(c.data), _cell(found, c.metric))))
    data = list(dict.fromkeys(c.data for c in comparisons))
    rows = [[method, *(own.get(d, '-') for d in data)]
            for method, own in cells.items() if len(own) > 1]
    baselines = {c.baseline.method for c in comparisons if c.baseline}
    rows.sort(key=lambda row: (row[0] not in baselines, row[0]))
    return markdown_table(['method', *data], rows) + '\n'


def _cell(found: Finding, metric: str) -> str:
    text = signed(found.difference.estimate, metric)
    bold = found.verdict in ('helps', 'hurts')
    return f'**{text}**' if bold else text
