"""One small JSON a run, enough for every table.

A store is a folder of them::

    STORE/joint_av_digits-1a2b3c4d/seed_101.json    numbers, predicted classes
    STORE/htad-5e6f7a8b/fold_2_seed_101.json
    STORE/samples/9c0d1e2f.json                     what was predicted

What runs were tested on is kept once, under its hash. Probabilities stay in
``predictions.npz`` of the work dir: unless another place is given, a folder
beside the record that has its name.
"""
import base64
import hashlib
import json
import os
import platform
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np

from ..evaluation.predictions import (
    FILENAME,
    Predictions,
    load_predictions,
)
from ..shipped import tool_call
from ..utils.files import write_atomic
from ..utils.work_dir import SUMMARY
from .measures import MEASURES, Measure

SAMPLES = 'samples'
#: Folder of a store whose runs are those that settings were chosen by.
TUNING = 'tuning'
# What the tables read of a record, and of its cost.
_KEYS = ('config', 'options', 'key', 'seed', 'fold', 'commit', 'machine',
         'anchor', 'cost', 'val', 'test', 'samples', 'classes')
_COST = ('optimizer_steps', 'estimator_steps', 'encoder_samples',
         'wall_seconds', 'peak_memory_bytes', 'params_inference')
#: Sources without that name are clusters if there are at least so many.
MIN_CLUSTERS = 10


class Tested(NamedTuple):
    """What a run was tested on.

    Attributes:
        targets (ndarray): True classes, (N, ), or labels (N, C).
        num_classes (int): C.
        clusters (ndarray | None): The sample's source, (N, ), where samples
            share one.
        source (str | None): What that is called.
        named (bool): Whether the same number is the same source in other
            folds; not so in records of before.
    """
    targets: np.ndarray
    num_classes: int
    clusters: Optional[np.ndarray] = None
    source: Optional[str] = None
    named: bool = False


class Record:
    """A finished run.

    Attributes:
        path (Path): Of the JSON.
        data (dict): Its content.
        work_dir (Path): Where it was trained.
    """

    def __init__(self, path: Path, data: Mapping[str, Any],
                 work_dir: Optional[Path] = None) -> None:
        self.path = path
        self.data = data
        self.work_dir = work_dir or path.with_suffix('')

    def __getattr__(self, name: str) -> Any:
        """A top-level entry: config, options, key, seed, fold, cost ..."""
        try:
            return self.__dict__['data'][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def stem(self) -> str:
        """str: Name of the config's file."""
        return Path(self.config).stem

    def scores(self, split: str) -> Dict[str, float]:
        """Metrics on 'val' or 'test'."""
        return self.data[split]

    @cached_property
    def tested(self) -> Tested:
        """Tested: What the run was tested on."""
        path = _samples_of(self.path, self.samples)
        data = json.loads(path.read_text(encoding='utf-8'))
        targets = _decoded(data['targets'])
        if data.get('multi_class'):
            targets = targets.reshape(-1, data['num_classes'])
        return Tested(
            targets, data['num_classes'],
            data['clusters'] and _decoded(data['clusters']), data['source'],
            data.get('named', False))

    def probabilities(self, measure: Measure,
                      suffix: str = '') -> Optional[np.ndarray]:
        """What was predicted on test, (N, C); rows of NaN where nothing was.

        Args:
            measure (Measure): One that only looks at the class is given
                zeros and a one.
            suffix (str): '' for the fused prediction, '_audio' ...

        Returns:
            ndarray | None: None if there is none of this kind.

        Raises:
            FileNotFoundError: The measure needs probabilities, and the work
                dir is not there.
        """
        if measure.classes_suffice:
            if suffix not in self.classes:
                return None
            classes = _decoded(self.classes[suffix])
            rows = np.eye(self.tested.num_classes)[classes]
            rows[classes < 0] = np.nan
            return rows
        if not (self.work_dir / FILENAME).is_file():
            raise FileNotFoundError(
                f'{self.path} keeps predicted classes only: differences of '
                f'this metric need {self.work_dir / FILENAME}')
        return load_predictions(self.work_dir)['test'].of_suffix(suffix)


def write_record(path: Path, work_dir: Path, run: Mapping[str, Any],
                 split: str = 'test') -> None:
    """Put a finished run's numbers into a store.

    Args:
        path (Path): Of the record; see the module.
        work_dir (Path): With ``summary.json``.
        run (Mapping): config, options, key, seed and fold.
        split (str): Whose predicted classes are kept. Defaults to 'test'.

    Raises:
        ValueError: The run was not tested, or its metric keeps no
            predictions.
    """
    with open(work_dir / SUMMARY, encoding='utf-8') as file:
        summary = json.load(file)
    splits = load_predictions(work_dir) if (work_dir / FILENAME).is_file() \
        else {}
    if split not in splits:
        raise ValueError(
            f'{work_dir} was not tested with a MultimodalMetric, so there '
            'is nothing to compare: its config needs validation, a '
            'test_dataloader and test_evaluator, and save_best')
    data: Dict[str, Any] = dict(
        run, commit=summary['commit'], machine=_machine(),
        anchor=summary['anchor'], cost=summary['cost'])
    for name, scores in (('val', summary['val']['best']),
                         ('test', summary['test'])):
        data[name] = {**scores, **_measured(splits.get(name))}
    kept = splits[split]
    data['samples'] = _write_samples(path.parent.parent, kept)
    # Of several labels, no class stands for what was predicted.
    data['classes'] = {} if kept.targets.ndim == 2 else {
        suffix: _encoded(_classes(p)) for suffix, p in _columns(kept).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, [_json(data)], sync=False)


def read_records(folders: Sequence[str]) -> List[Record]:
    """Read stores.

    Args:
        folders (Sequence[str]): Searched recursively, but for what settings
            were chosen by.

    Returns:
        list[Record]: All of them.

    Raises:
        FileNotFoundError: A folder holds none.
        ValueError: One is damaged; names it.
    """
    records = []
    for folder in folders:
        paths = [p for p in sorted(Path(folder).rglob('*seed_*.json'))
                 if TUNING not in p.relative_to(folder).parts]
        if not paths:
            raise FileNotFoundError(
                f'no record of a run below {folder}: {tool_call("compare")} '
                'CONFIG... leaves them in its --out or --store')
        records += [read_record(path) for path in paths]
    return records


def read_record(path: Path, work_dir: Optional[Path] = None) -> Record:
    """Read one record; see :func:`read_records`."""
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
        lacks = [k for k in _KEYS if k not in data] or [
            f'cost.{k}' for k in _COST if k not in data['cost']]
        if not lacks and not _samples_of(path, data['samples']).is_file():
            lacks = [str(_samples_of(path, data['samples']))]
        problem = lacks and f'it lacks {", ".join(lacks)}'
    except (ValueError, TypeError) as error:
        problem = str(error)
    if problem:
        raise ValueError(f'{path} is damaged or of another version '
                         f'({problem}): without it the run is trained again')
    return Record(path, data, work_dir)


def read_tuning(store: Path) -> List[Dict[str, Any]]:
    """What a store knows of tuning, see :mod:`mmbalance_plugin.cli.tuning`.

    Raises:
        ValueError: It is damaged; names it.
    """
    path = store / f'{TUNING}.json'
    if not path.is_file():
        return []
    try:
        told = json.loads(path.read_text(encoding='utf-8'))
        return [{**entry, 'key': entry['key']} for entry in told]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f'{path} is damaged or of another version ({error}): without it '
            'what was tried is not told') from error


def _samples_of(record: Path, name: str) -> Path:
    return record.parent.parent / SAMPLES / f'{name}.json'


def _measured(predictions: Optional[Predictions]) -> Dict[str, float]:
    """Measures of probabilities, which training does not log."""
    if predictions is None:
        return {}
    return {
        name + suffix: measure.of(p, predictions.targets)
        for suffix, p in _columns(predictions).items()
        for name, measure in MEASURES.items() if not measure.classes_suffice
        and (measure.multi_label or predictions.targets.ndim == 1)
    }


def _columns(predictions: Predictions) -> Dict[str, np.ndarray]:
    columns = {} if predictions.fused is None else {'': predictions.fused}
    columns.update({f'_{m}': p for m, p in predictions.alone.items()})
    return columns


def _classes(probabilities: np.ndarray) -> np.ndarray:
    classes = np.nan_to_num(probabilities).argmax(axis=1)
    return np.where(np.isnan(probabilities[:, 0]), -1, classes)


def _write_samples(store: Path, test: Predictions) -> str:
    """Keep what was predicted; returns the name of its file."""
    source = clustering(test.ids, len(test.targets))
    columns = _columns(test)
    text = _json(dict(
        targets=_encoded(test.targets),
        num_classes=next(iter(columns.values())).shape[1],
        clusters=None if source is None else _encoded(test.ids[source]),
        source=source, named=True,
        **(dict(multi_class=True) if test.targets.ndim == 2 else {})))
    digest = hashlib.sha256(text).hexdigest()[:12]
    path = store / SAMPLES / f'{digest}.json'
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, [text], sync=False,
                     partial=path.with_suffix(f'.{os.getpid()}.partial'))
    return digest


def clustering(ids: Mapping[str, np.ndarray], count: int) -> Optional[str]:
    """Which of the samples' sources to resample as a whole.

    Args:
        ids (Mapping[str, ndarray]): What samples were made from.
        count (int): Of samples.

    Returns:
        str | None: 'group', which a data set calls what it wants resampled
        together, or else what most samples share, if there are
        :data:`MIN_CLUSTERS` of it. None where no two samples share one.
    """
    sizes = {name: len(np.unique(values)) for name, values in ids.items()}
    if 'group' in sizes:
        return 'group' if sizes['group'] < count else None
    shared = {n: s for n, s in sizes.items() if MIN_CLUSTERS <= s < count}
    return min(shared, key=lambda name: shared[name]) if shared else None


def _machine() -> str:
    import torch
    parts = [f'{platform.system()} {platform.machine()}',
             f'{os.cpu_count()} cores', f'PyTorch {torch.__version__}']
    if torch.cuda.is_available():
        parts.insert(2, torch.cuda.get_device_name())
    return ', '.join(parts)


def _encoded(numbers: np.ndarray) -> str:
    raw = np.ascontiguousarray(numbers, '<i4').tobytes()
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def _decoded(text: str) -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(raw, '<i4').astype(int)


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, allow_nan=False) + '\n').encode()
