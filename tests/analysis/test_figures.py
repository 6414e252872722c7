"""Figures are small, and what they show keeps its colour."""
import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from mmbalance_plugin.analysis.figures import dress, new_figure, save_figure


def test_a_rare_colour_is_not_taken_for_another(tmp_path):
    """Eight lines on top of one another: only the legend tells them apart."""
    figure, axes = new_figure(1, 3, 2.7, 2.5)
    for k, axis in enumerate(axes[0]):
        for i in range(8):
            axis.errorbar([0, 1], [0, 1], .1, color=f'C{i}', label=f'line {i}',
                          alpha=.5 if k else 1)
        dress(axis, 'title', 'x', legend=k == 0)
    path = tmp_path / 'x.png'
    save_figure(figure, str(path), 80)
    assert path.stat().st_size < 40 * 1024
    pixels = np.asarray(Image.open(path).convert('RGB')).reshape(-1, 3) / 255
    for i in range(8):
        off = np.abs(pixels - to_rgb(f'C{i}')).max(axis=1).min()
        assert off < .1, f'C{i}'
