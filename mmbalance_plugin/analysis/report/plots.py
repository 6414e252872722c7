"""Drawings for a page: SVG whose colours follow the page's light or dark."""
import re
import textwrap
from io import StringIO
from typing import Any, Dict, Mapping, Sequence, Tuple

#: Estimate, lower and upper bound; fractions, shown in percent.
Interval = Sequence[float]

# Matplotlib draws in colours that nobody would choose; each stands for a
# variable of the page's style and becomes that on the way out.
_INK, _SOFT, _LINE = '#010101', '#010102', '#010103'
_SERIES = tuple(f'#0102{i:02x}' for i in range(1, 7))
_VARIABLES = {_INK: '--ink', _SOFT: '--soft', _LINE: '--line',
              **{c: f'--s{i}' for i, c in enumerate(_SERIES, 1)}}
_MARKERS = 'osD^vP'
_STYLES = ('-', '--', '-.', ':', (0, (5, 1)), (0, (1, 1)))
_RC: Any = {'svg.fonttype': 'none', 'font.size': 10, 'text.color': _INK,
       'axes.edgecolor': _LINE, 'axes.labelcolor': _SOFT,
       'xtick.color': _SOFT, 'ytick.color': _INK, 'axes.grid': True,
       'grid.color': _LINE, 'grid.linewidth': .6, 'axes.axisbelow': True,
       'axes.spines.top': False, 'axes.spines.right': False,
       'legend.frameon': False, 'legend.fontsize': 9}


def intervals(rows: Mapping[str, Mapping[str, Interval]],
              label: str, zero: bool = False) -> str:
    """Draw estimates with their bounds: a line a row, a mark a series.

    Args:
        rows (Mapping[str, Mapping[str, Interval]]): Row to series to
            (estimate, low, high); a row may lack a series.
        label (str): Of the axis.
        zero (bool): Whether zero is shown, wherever the estimates lie.
            Defaults to False.

    Returns:
        str: An ``<svg>`` element.
    """
    series = list(dict.fromkeys(s for row in rows.values() for s in row))
    # Long names would leave the drawing no room.
    names = [textwrap.fill(name, 22) for name in rows]
    figure, axis = _figure(
        .55 + (.25 if len(series) > 1 else 0) + len(rows) * max(
            .24 + .2 * len(series),
            .17 * max((name.count('\n') + 1 for name in names), default=0)))
    for k, name in enumerate(series):
        points = [(i, row[name]) for i, row in enumerate(rows.values())
                  if name in row]
        offset = (k - (len(series) - 1) / 2) * .8 / len(series)
        estimates = [100 * point[0] for _, point in points]
        axis.errorbar(
            estimates, [i + offset for i, _ in points],
            xerr=[[e - 100 * p[1] for e, (_, p) in zip(estimates, points)],
                  [100 * p[2] - e for e, (_, p) in zip(estimates, points)]],
            fmt=_MARKERS[k % 6], color=_SERIES[k % 6], label=name,
            markersize=5, capsize=2.5, linewidth=1.6)
    axis.set_yticks(range(len(rows)), names)
    axis.set_ylim(len(rows) - .5, -.5)
    axis.grid(False, axis='y')
    axis.set_xlabel(label)
    low, high = axis.get_xlim()
    if zero or low < 0 < high:
        axis.axvline(0, color=_SOFT, linewidth=1)
    return _svg(figure, axis, len(series) > 1)


def lines(series: Mapping[str, Tuple[Sequence[float], Sequence[float]]],
          x_label: str, y_label: str, diagonal: bool = False) -> str:
    """Draw one line a series.

    Args:
        series (Mapping[str, tuple]): Name to (x, y).
        x_label (str): Of the horizontal axis.
        y_label (str): Of the vertical axis.
        diagonal (bool): Also draw y = x, as in a reliability diagram.
            Defaults to False.

    Returns:
        str: An ``<svg>`` element.
    """
    figure, axis = _figure(2.6)
    if diagonal:
        axis.axline((0, 0), slope=1, color=_SOFT, linewidth=1)
    for k, (name, (x, y)) in enumerate(series.items()):
        axis.plot(x, y, color=_SERIES[k % 6], linestyle=_STYLES[k % 6],
                  marker=_MARKERS[k % 6], markersize=4, linewidth=1.6,
                  label=name)
    axis.set_xlabel(x_label)
    axis.set_ylabel(y_label, color=_SOFT)
    return _svg(figure, axis, bool(series))


def _figure(height: float) -> Tuple[Any, Any]:
    # Without a display, and without changing a caller's settings.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(4.2, height), layout='constrained')
        FigureCanvasSVG(figure)
        return figure, figure.subplots()


def _svg(figure: Any, axis: Any, legend: bool) -> str:
    import matplotlib
    text = StringIO()
    # The salt names what drawings share, so that two never share a name.
    with matplotlib.rc_context({**_RC, 'svg.hashsalt': _salt(axis)}):
        if legend:
            handles, names = axis.get_legend_handles_labels()
            figure.legend(handles, names, loc='outside upper left',
                          ncols=3 if len(''.join(names)) < 32 else 2)
        figure.savefig(text, format='svg', transparent=True,
                       metadata={'Date': None})
    svg = text.getvalue()
    svg = svg[svg.index('<svg'):]
    svg = re.sub(r'<metadata>.*?</metadata>', '', svg, flags=re.DOTALL)
    svg = re.sub(r' (width|height)="[\d.]+pt"', '', svg, count=2)
    # Groups have names that every drawing repeats; nothing refers to them.
    svg = re.sub(r' id="([^"]+)"',
                 lambda m: m[0] if f'#{m[1]}' in svg else '', svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f'var({variable})')
    return svg


def _salt(axis: Any) -> str:
    parts: Dict[str, Any] = dict(
        labels=(axis.get_xlabel(), axis.get_ylabel()),
        lines=[(line.get_label(), list(line.get_xdata()),
                list(line.get_ydata())) for line in axis.get_lines()])
    return repr(parts)
