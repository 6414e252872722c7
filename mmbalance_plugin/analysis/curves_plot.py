"""A figure of what runs logged over time."""
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from .curves import (
    Curve,
    Records,
    clock,
    curve,
    curves_of,
    is_of,
    read_scalars,
)
from .figures import dress, new_figure, save_figure

_LABELS = {
    'acc/top1': 'accuracy on validation',
    'ratio': 'discrepancy ratio ρ',
    'score': 'true-class probability',
    'ogm_ratio': 'discrepancy ratio ρ',
    'ogm_coefficient': 'coefficient k',
    'ogm_score': 'true-class probability',
    'opm_ratio': 'discrepancy ratio ρ',
    'opm_drop_probability': 'drop probability q',
    'opm_drop_rate': 'realised drop rate',
    'loss_con': 'α times the consistency loss (JS)',
    'loss_com': 'α times the complementarity loss (CLUB)',
    'club_estimate': "CLUB's bound",
    'align_con': "alignment ξ of consistency's gradient",
    'align_com': "alignment ξ of complementarity's gradient",
    'alpha_con': 'weight α of consistency',
    'alpha_com': 'weight α of complementarity'}


def plot_curves(runs: Dict[str, Sequence[str]],
                keys: Sequence[str],
                path: str,
                dpi: int = 80,
                together: bool = False) -> None:
    """Plot logged quantities: a row a method, a column a quantity.

    A line is the mean over seeds, the band around it their range. It is
    broken where nothing was logged, as between a branch's own stage and the
    one in which it follows.

    Args:
        runs (Dict[str, Sequence[str]]): Method to work dirs, from
            :func:`find_runs`.
        keys (Sequence[str]): Quantities as in :func:`~.curves.curves_of`,
            such as 'ratio'; 'ratio|ogm_ratio' is the first of them that was
            logged. A method that logged none gets no row.
        path (str): Of the image.
        dpi (int): Resolution. Defaults to 80.
        together (bool): All methods as lines of one panel for each key,
            which then is a whole name. Defaults to False.

    Raises:
        ValueError: A method, or one of its seeds, has logged none of the
            keys; or its seeds have other lengths.
    """
    data = {method: [read_scalars(folder) for folder in folders]
            for method, folders in runs.items()}
    _check_logged(runs, data, keys, together)
    panels: List[List[Tuple[str, str, Dict[str, Curve]]]] = []
    if together:
        panels.append([(
            _title(key), clock(list(sum(data.values(), [])), key),
            {method: _named(method, curve, records, key)
             for method, records in data.items()}) for key in keys])
    else:
        panels += [[_panel(method, records, key) for key in keys]
                   for method, records in data.items()]
    figure, axes = new_figure(len(panels), len(keys), 4.2, 2.5)
    seeds = max(map(len, runs.values()))
    for cells, row in zip(axes, panels):
        for axis, (title, time, curves) in zip(cells, row):
            _draw(axis, curves, seeds)
            dress(axis, title, time)
            if not curves:
                axis.set_axis_off()
    save_figure(figure, path, dpi)


def _check_logged(runs: Dict[str, Sequence[str]],
                  data: Dict[str, List[Records]], keys: Sequence[str],
                  whole: bool) -> None:
    """No method or seed is left out without a word."""
    names = [k for key in keys for k in key.split('|')]
    silent = [
        folder for method, folders in runs.items()
        for folder, records in zip(folders, data[method])
        if not any(key in names if whole else
                   any(is_of(key, name) for name in names)
                   for key in _logged([[records]]))
    ]
    if silent:
        raise ValueError(
            f'{", ".join(silent)} logged none of {list(keys)}: leave them '
            f'out, or choose others by --keys; logged were '
            f'{sorted(_logged(data.values()))}')


def _panel(method: str, records: List[Records], alternatives: str
           ) -> Tuple[str, str, Dict[str, Curve]]:
    """The first of some keys that was logged: title, time and curves."""
    for key in alternatives.split('|'):
        curves = _named(method, curves_of, records, key)
        if curves:
            return f'{method}: {_title(key)}', clock(records, key), curves
    return '', '', {}


def _named(method: str, read: Any, records: List[Records], key: str) -> Any:
    """What is read, with the method's name before what is wrong with it."""
    try:
        return read(records, key)
    except ValueError as error:
        raise ValueError(f'{method}: {error}') from error


def _title(key: str) -> str:
    name = max((k for k in _LABELS if is_of(key, k)), key=len, default=key)
    rest = key[len(name):].lstrip('_')
    return _LABELS.get(name, name) + (f', {rest}' if rest else '')


def _draw(axis: Any, curves: Dict[str, Curve], seeds: int) -> None:
    for i, (label, (steps, values)) in enumerate(curves.items()):
        if not len(steps):
            continue
        if len(values) < seeds:  # such as a follower, an anchor elsewhere
            label += f' ({len(values)} of {seeds} seeds)'
        steps, values = broken(steps, values)
        axis.plot(steps, values.mean(0), color=f'C{i}', linewidth=1.2,
                  marker='.', markersize=3, label=label)
        axis.fill_between(steps, values.min(0), values.max(0),
                          color=f'C{i}', alpha=.25, linewidth=0)


def broken(steps: np.ndarray, values: np.ndarray
           ) -> Tuple[np.ndarray, np.ndarray]:
    """NaN where more than two usual steps are left out."""
    gaps = np.diff(steps)
    usual = np.median(gaps) if len(gaps) else 0
    where = np.flatnonzero(gaps > 2 * usual) + 1
    return (np.insert(steps.astype(float), where, np.nan),
            np.insert(values, where, np.nan, axis=1))


def _logged(methods: Any) -> set:
    return {key for runs in methods for records in runs
            for record in records for key in record}
