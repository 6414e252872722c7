"""A figure of ratios, coefficients and the like over time."""
from typing import Dict, Sequence

from .curves import Curve, modality_curves, read_scalars

_LABELS = dict(
    ratio='discrepancy ratio ρ',
    score='true-class probability',
    ogm_ratio='discrepancy ratio ρ',
    ogm_coefficient='coefficient k',
    ogm_score='true-class probability',
    opm_ratio='discrepancy ratio ρ',
    opm_drop_probability='drop probability q',
    opm_drop_rate='realised drop rate',
    alpha_con='weight α of consistency',
    alpha_com='weight α of complementarity')


def plot_curves(runs: Dict[str, Sequence[str]],
                keys: Sequence[str],
                path: str,
                dpi: int = 80) -> None:
    """Plot logged quantities: a row a method, a column a quantity.

    A line is the mean over seeds, the band around it their range.

    Args:
        runs (dict[str, Sequence[str]]): Method to work dirs, from
            :func:`find_runs`.
        keys (Sequence[str]): Quantities without their modality, such as
            'ratio'; 'ratio|ogm_ratio' is the first of them that was
            logged. A method that logged none gets no row.
        path (str): Of the image.
        dpi (int): Resolution. Defaults to 80.

    Raises:
        ValueError: A method, or one of its seeds, has logged none of the
            keys; or its seeds have other lengths.
    """
    data = {method: [read_scalars(folder) for folder in folders]
            for method, folders in runs.items()}
    _check_logged(runs, data, keys)
    panels = {}
    for method, records in data.items():
        try:
            panels[method] = dict(_first(records, key) for key in keys)
        except ValueError as error:
            raise ValueError(f'{method}: {error}') from error
    # Here: only who draws needs it. Without a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(4.2 * len(keys), 2.5 * len(panels)),
                    layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), len(keys), squeeze=False)
    for cells, (method, row) in zip(axes, panels.items()):
        for axis, (key, curves) in zip(cells, row.items()):
            _panel(axis, method, key, curves, len(runs[method]))
    save_figure(figure, path, dpi)


def _check_logged(runs: Dict[str, Sequence[str]], data: Dict[str, list],
                  keys: Sequence[str]) -> None:
    """No method or seed is left out without a word."""
    wanted = tuple(f'{k}_' for key in keys for k in key.split('|'))
    silent = [
        folder for method, folders in runs.items()
        for folder, records in zip(folders, data[method])
        if not any(key.startswith(wanted) for key in _logged([[records]]))
    ]
    if silent:
        raise ValueError(
            f'{", ".join(silent)} logged none of {list(keys)}: leave them '
            f'out, or choose others by --keys; logged were '
            f'{sorted(_logged(data.values()))}')


def _first(records, alternatives: str):
    """The first of some keys that was logged, and its curves."""
    keys = alternatives.split('|')
    for key in keys:
        curves = modality_curves(records, key)
        if curves:
            return key, curves
    return keys[0], {}


def save_figure(figure, path: str, dpi: int) -> None:
    """Write the image; a PNG with few colours, to be small."""
    figure.savefig(path, dpi=dpi)
    if path.endswith('.png'):
        from PIL import Image
        with Image.open(path) as image:
            small = image.convert('RGB').quantize(48, dither=0)
        small.save(path, optimize=True)


def _panel(axis, method: str, key: str, curves: Dict[str, Curve],
           seeds: int) -> None:
    if not curves:
        axis.set_axis_off()
        return
    axis.set_title(f'{method}: {_LABELS.get(key, key)}', fontsize=8)
    axis.tick_params(labelsize=7)
    for i, (modality, (steps, values)) in enumerate(curves.items()):
        if not len(steps):
            continue
        label = modality
        if len(values) < seeds:  # such as a follower, an anchor elsewhere
            label += f' ({len(values)} of {seeds} seeds)'
        axis.plot(steps, values.mean(0), color=f'C{i}', linewidth=1.2,
                  marker='.', markersize=3, label=label)
        axis.fill_between(steps, values.min(0), values.max(0),
                          color=f'C{i}', alpha=.25, linewidth=0)
    axis.set_xlabel('epoch' if key.startswith('al') else 'iteration',
                    fontsize=7)
    axis.legend(fontsize=7, frameon=False)
    axis.grid(alpha=.3)


def _logged(methods) -> set:
    return {key for runs in methods for records in runs
            for record in records for key in record}
