"""What a model said of every sample of a split, and its file."""
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence, Union

import numpy as np

from mmbalance_plugin.utils.files import write_atomic

FILENAME = 'predictions.npz'
_ALONE = 'alone.'


@dataclass
class Predictions:
    """Probabilities of N samples, in the order of their data set.

    Attributes:
        targets (ndarray): True classes, (N, ); zeros and ones (N, C) of
            several labels.
        fused (ndarray | None): Probabilities of the fused prediction, (N, C).
        alone (dict[str, ndarray]): The same of each modality; rows of NaN
            where a sample lacks it.
        ids (dict[str, ndarray]): What each sample was made from, (N, ) each.
    """
    targets: np.ndarray
    fused: Optional[np.ndarray]
    alone: Dict[str, np.ndarray]
    ids: Dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Sequence[dict]) -> 'Predictions':
        """Put together what a :class:`MultimodalMetric` has collected."""
        indices = [result['index'] for result in results]
        if None not in indices:
            results = [results[i] for i in np.argsort(indices)]
        columns = dict.fromkeys(
            name for result in results for name in result['scores'])
        scores = {name: _column(results, name) for name in columns}
        return cls(
            np.array([result['label'] for result in results]),
            scores.pop(None, None), scores)

    def of_suffix(self, suffix: str) -> Optional[np.ndarray]:
        """Probabilities by the end of a metric's name: '' or '_audio'."""
        return self.alone.get(suffix[1:]) if suffix else self.fused


def _column(results: Sequence[dict], name: Optional[str]) -> np.ndarray:
    rows = [r['scores'].get(name) for r in results]
    width = next(len(row) for row in rows if row is not None)
    nothing = np.full(width, np.nan, np.float32)
    return np.stack([nothing if row is None or name in r['lacks'] else row
                     for r, row in zip(results, rows)])


def save_predictions(folder: Union[str, Path],
                     splits: Mapping[str, Predictions]) -> None:
    """Write ``predictions.npz``.

    Args:
        folder (str | Path): Where it goes.
        splits (Mapping[str, Predictions]): By the split's name.
    """
    arrays: Dict[str, Any] = {}
    for split, predictions in splits.items():
        for name, array in (('targets', predictions.targets),
                            ('fused', predictions.fused)):
            if array is not None:
                arrays[f'{split}/{name}'] = array
        for start, several in ((_ALONE, predictions.alone),
                               ('ids.', predictions.ids)):
            arrays.update({f'{split}/{start}{name}': array
                           for name, array in several.items()})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(Path(folder, FILENAME), [buffer.getbuffer()], sync=False)


def load_predictions(folder: Union[str, Path]) -> Dict[str, Predictions]:
    """Read what :func:`save_predictions` wrote.

    Args:
        folder (str | Path): Where it lies.

    Returns:
        dict[str, Predictions]: By the split's name.
    """
    splits: Dict[str, Predictions] = {}
    with np.load(Path(folder, FILENAME), allow_pickle=False) as file:
        for key in file:
            split, name = key.split('/', 1)
            read = splits.setdefault(
                split, Predictions(np.empty(0), None, {}))
            kind, dot, rest = name.partition('.')
            if dot:
                getattr(read, kind)[rest] = file[key]
            else:
                setattr(read, name, file[key])
    return splits
