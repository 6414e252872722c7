"""A figure of what methods reach as an option of the data changes."""
from collections import defaultdict
from statistics import mean
from typing import Dict, List, Optional, Sequence, Tuple

from .figures import dress, new_figure, save_figure
from .rows import Row, last_part, without_data

#: Method to the value of the option and the scores of its seeds.
Lines = Dict[str, Dict[float, List[float]]]


def plot_sweep(rows: Sequence[Row], option: str, path: str, *,
               otherwise: Optional[float] = None, metric: str = 'acc/top1',
               label: Optional[str] = None, dpi: int = 80) -> None:
    """Plot a metric over an option: a row a data set, a line a method.

    Beside the fused metric stand those of each modality, or, where samples
    lack some, those of samples with the same modalities. Points are means
    over seeds and folds on test, bars the range of seeds.

    Args:
        rows (Sequence[Row]): Of any number of data sets.
        option (str): Key of the option, or of what it is part of: then its
            parts are added up.
        path (str): Of the image.
        otherwise (float, optional): Its value in rows that are not given it.
            Defaults to None: they are left out.
        metric (str): Defaults to 'acc/top1'.
        label (str, optional): Of the horizontal axis. Defaults to the
            option's last part.
        dpi (int): Resolution. Defaults to 80.

    Raises:
        ValueError: Less than two values of the option are there, or two rows
            of a method have the same.
    """
    panels: Dict[str, Dict[str, Lines]] = {}
    for data in dict.fromkeys(row.data for row in rows):
        own = [(row, value) for row in rows if row.data == data
               and (value := value_of(row.options, option, otherwise))
               is not None]
        if len({value for _, value in own}) < 2:
            raise ValueError(f'{option} has less than two values in the rows '
                             f'{[row.name for row in rows]}')
        names = dict.fromkeys(n for row, _ in own for r in row.records
                              for n in r.scores('test'))
        by_presence = [n for n in names if n.startswith(f'{metric}@')]
        panels[data] = {name: lines_of(own, name, option) for name in [
            metric, *(by_presence or [
                n for n in names if n.startswith(f'{metric}_')])]}
    figure, axes = new_figure(len(panels), max(map(len, panels.values())),
                              2.7, 2.5)
    for cells, (data, row) in zip(axes, panels.items()):
        for cell in cells[len(row):]:
            cell.set_axis_off()
        for cell, (name, lines) in zip(cells, row.items()):
            for method, points in lines.items():
                values = sorted(points)
                means = [mean(points[v]) for v in values]
                reach = [[m - min(points[v]) for m, v in zip(means, values)],
                         [max(points[v]) - m for m, v in zip(means, values)]]
                cell.errorbar(values, means, reach, marker='.', markersize=5,
                              linewidth=1.2, capsize=2, label=method)
            dress(cell, f'{data}: {name}', label or option.rsplit('.', 1)[-1],
                  legend=cell is cells[0])
    save_figure(figure, path, dpi)


def value_of(options: Sequence[str], option: str,
             otherwise: Optional[float] = None) -> Optional[float]:
    """Value of an option, or the sum of its parts, among KEY=VALUE."""
    values = [float(o.partition('=')[2]) for o in options
              if _belongs(o, option)]
    return sum(values) if values else otherwise


def lines_of(rows: Sequence[Tuple[Row, float]], metric: str,
             option: str) -> Lines:
    """A metric of every seed, by method and value of the option.

    Settings of a method that have other options, too, are other methods; the
    same option of another dataloader is not.
    """
    lines: Lines = defaultdict(dict)
    for row, value in rows:
        tail = option.partition('.')[2]
        method = ' '.join([without_data(row.stem, row.data), *dict.fromkeys(
            last_part(o) for o in row.options
            if not _belongs(o.partition('.')[2], tail))])
        if value in lines[method]:
            raise ValueError(f'{row.name} is a second row of {method} at '
                             f'{value:g}: leave one out')
        scores = row.by_seed('test', metric)
        if scores:
            lines[method][value] = list(scores.values())
    return lines


def _belongs(option: str, key: str) -> bool:
    return option.startswith((f'{key}=', f'{key}.'))
