"""Figures of panels, drawn without a display and kept small."""
from typing import Any, Tuple


def new_figure(rows: int, columns: int, width: float, height: float
               ) -> Tuple[Any, Any]:
    """A figure and its axes, (rows, columns), each panel of a size."""
    # Here: only who draws needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width * columns, height * rows),
                    layout='constrained')
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def dress(axis: Any, title: str, x_label: str, legend: bool = True) -> None:
    """Title, label, grid and legend of a panel that is drawn."""
    axis.set_title(title, fontsize=8)
    axis.tick_params(labelsize=7)
    axis.set_xlabel(x_label, fontsize=7)
    axis.grid(alpha=.3)
    if legend and axis.get_legend_handles_labels()[1]:
        axis.legend(fontsize=7, frameon=False)


def save_figure(figure: Any, path: str, dpi: int) -> None:
    """Write the image; a PNG with few colours, to be small."""
    figure.savefig(path, dpi=dpi)
    if path.endswith('.png'):
        from PIL import Image
        with Image.open(path) as image:
            small = image.convert('RGB').quantize(
                128, Image.Quantize.FASTOCTREE, dither=0)
        small.save(path, optimize=True)
