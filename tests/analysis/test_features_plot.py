"""Maps of features."""
import numpy as np
import pytest
import torch
from PIL import Image

from mmbalance_plugin.analysis.features_plot import (
    features_of,
    kept_together,
    names_of,
    plot_features,
)
from mmbalance_plugin.apis.building import build_recognizer
from tests.configs.shipped import shortened


def test_a_map_keeps_classes_apart_that_are_apart(tmp_path):
    from mmbalance_plugin.analysis.features_plot import _map
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    points = _map(draw.normal(size=(80, 5)) + 20 * labels[:, None])
    centres = np.stack([points[labels == c].mean(0) for c in (0, 1)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(1)
    assert (nearest == labels).all()


def test_classes_that_keep_together_have_neighbours_of_their_own():
    line = np.arange(40.)[:, None]
    assert kept_together(line, np.arange(40) // 20 * 0) == 1
    # Between two blocks of twenty, five neighbours on each side are lost.
    blocks = np.arange(40) // 20
    lost = 2 * (5 + 4 + 3 + 2 + 1)
    assert abs(kept_together(line, blocks) - (1 - lost / 400)) < .02
    assert kept_together(line[:3], np.arange(3)) == 0


def test_features_of_a_checkpoint_in_a_figure(tmp_path):
    cfg = shortened('joint_multiple_features.py', tmp_path)
    model = build_recognizer(cfg)
    torch.save(model.state_dict(), tmp_path / 'weights.pth')
    features, targets = features_of(cfg, str(tmp_path / 'weights.pth'), 'val')
    assert list(features) == list(model.modalities)
    assert all(len(f) == len(targets) for f in features.values())
    plot_features({'a': (features, targets), 'b': (features, targets)},
                  str(tmp_path / 'x.png'), samples=12, dpi=40)
    with Image.open(tmp_path / 'x.png') as image:
        # A column more than modalities; rows and columns are squares.
        assert abs(image.width / image.height - 2) < .1
        assert len(image.convert('RGB').getcolors()) > 5


def test_several_labels_have_no_colour(tmp_path):
    cfg = shortened('joint_multiple_features.py', tmp_path)
    cfg.model.head.multi_class = True
    with pytest.raises(ValueError, match='colours each sample by its class'):
        features_of(cfg, 'nowhere.pth', 'val')


def test_too_few_samples_are_refused(tmp_path):
    with pytest.raises(ValueError, match='five samples'):
        plot_features({'a': ({'x': np.zeros((4, 2))}, np.zeros(4))},
                      str(tmp_path / 'x.png'))


def test_models_of_one_config_have_names_of_their_own():
    assert names_of(['a/x.py', 'b/y.py', 'c/x.py']) == ['x 1', 'y', 'x 3']
