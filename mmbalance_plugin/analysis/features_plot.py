"""A figure of what encoders make of a split, in two dimensions."""
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from mmbalance_plugin.apis.building import build_recognizer, default_scope
from mmbalance_plugin.apis.checkpoint import load_weights
from mmbalance_plugin.engine.features import feature_bank

from .figures import new_figure, save_figure


def features_of(config: Config, checkpoint: str, split: str
                ) -> Tuple[Dict[str, np.ndarray], np.ndarray]:
    """Encode a split with a trained model.

    Args:
        config (Config): Of the model and its data.
        checkpoint (str): Its weights.
        split (str): 'train', 'val' or 'test'.

    Returns:
        tuple[dict[str, ndarray], ndarray]: Features (N, D_m) by modality,
        and classes (N, ).

    Raises:
        ValueError: Samples have several labels.
    """
    model = build_recognizer(config)
    if model.head.multi_class:
        raise ValueError('the plot colours each sample by its class, but the '
                         'head has multi_class=True: there are several')
    load_weights(model, checkpoint)
    with default_scope(config):
        loader = Runner.build_dataloader(config[f'{split}_dataloader'], 0)
    bank = feature_bank(model, loader, features=True)
    return ({m: f.cpu().numpy() for m, f in bank.features.items()},
            bank.targets.cpu().numpy())


def plot_features(models: Dict[str, Tuple[Dict[str, np.ndarray], np.ndarray]],
                  path: str, samples: int = 1000, dpi: int = 80) -> None:
    """Plot t-SNE maps: a row a model, a column a modality, then all of them.

    Features are standardised. The map of all modalities is that of their
    features side by side. A map shows who is near whom; its axes and the
    sizes of its gaps mean nothing (van der Maaten and Hinton, 2008). So its
    title says how much the classes keep together before the map: the share
    of the ten nearest neighbours that are of a sample's own class.

    Args:
        models (dict[str, tuple]): Name to what :func:`features_of` returned.
        path (str): Of the image.
        samples (int): At most as many, evenly over the split. Defaults to
            1000.
        dpi (int): Resolution. Defaults to 80.

    Raises:
        ValueError: A split has fewer than five samples.
    """
    columns: List[str] = list(dict.fromkeys(
        m for features, _ in models.values() for m in features)) + ['all']
    figure, axes = new_figure(len(models), len(columns), 2.6, 2.6)
    for cells, (name, (features, targets)) in zip(axes, models.items()):
        chosen = _evenly(len(targets), samples)
        both = {m: _standardised(f[chosen]) for m, f in features.items()}
        both['all'] = np.concatenate(list(both.values()), axis=1)
        for cell, column in zip(cells, columns):
            cell.set_axis_off()
            if column in both:
                x, y = _map(both[column]).T
                cell.scatter(x, y, c=targets[chosen], cmap='tab20', s=4,
                             linewidths=0)
                share = kept_together(both[column], targets[chosen])
                cell.set_title(f'{name}\n{column}, {share:.0%}', fontsize=8)
    save_figure(figure, path, dpi)


def _evenly(count: int, samples: int) -> np.ndarray:
    if count < 5:
        raise ValueError(f'a map needs five samples or more, got {count}')
    return np.unique(np.linspace(0, count - 1, min(count, samples)).round()
                     .astype(int))


def _standardised(features: np.ndarray) -> np.ndarray:
    spread = features.std(0)
    return (features - features.mean(0)) / np.where(spread == 0, 1, spread)


def kept_together(features: np.ndarray, targets: np.ndarray) -> float:
    """Share of the ten nearest neighbours with a sample's own class."""
    from sklearn.neighbors import NearestNeighbors
    count = min(10, len(features) - 1)
    found = NearestNeighbors(n_neighbors=count).fit(features).kneighbors(
        return_distance=False)
    return float((targets[found] == targets[:, None]).mean())


def _map(features: np.ndarray) -> np.ndarray:
    from sklearn.manifold import TSNE
    return TSNE(init='pca', random_state=0, perplexity=min(
        30., (len(features) - 1) / 3)).fit_transform(features)


def names_of(configs: Sequence[str]) -> List[str]:
    """Short names of models, none twice."""
    stems = [Path(config).stem for config in configs]
    return [stem if stems.count(stem) == 1 else f'{stem} {i + 1}'
            for i, stem in enumerate(stems)]
