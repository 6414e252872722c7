"""What runs logged over time, read back and averaged over seeds."""
import json
import math
import os.path as osp
import re
from glob import glob
from typing import Dict, Iterable, List, NamedTuple, Sequence

import numpy as np

_HASH = re.compile(r'-[0-9a-f]{8}$')

Records = List[Dict[str, float]]


class Curve(NamedTuple):
    """One logged quantity of several seeds.

    Attributes:
        steps (ndarray): Steps that all seeds logged, (T, ).
        values (ndarray): (seeds, T).
    """
    steps: np.ndarray
    values: np.ndarray


def find_runs(paths: Sequence[str]) -> Dict[str, List[str]]:
    """Runs below some folders, by method.

    Args:
        paths (Sequence[str]): Work dirs, or folders that hold some, as
            ``tools/compare.py`` makes them: METHOD-HASH/seed_N.

    Returns:
        dict[str, list[str]]: Method to work dirs. The method is the name of
        the work dir, or of the folder above where that is 'seed_N'.

    Raises:
        FileNotFoundError: A folder holds no ``vis_data/scalars.json``.
        ValueError: Two work dirs are the same seed of a method.
    """
    runs: Dict[str, List[str]] = {}
    for path in paths:
        files = sorted(glob(osp.join(path, '**', 'vis_data', 'scalars.json'),
                            recursive=True))
        if not files:
            raise FileNotFoundError(
                f'no vis_data/scalars.json below {path}: is it the work dir '
                'of a run, or a folder of work dirs?')
        for file in files:
            # WORK_DIR/TIMESTAMP/vis_data/scalars.json
            work_dir = osp.dirname(osp.dirname(osp.dirname(file)))
            full = osp.abspath(work_dir)
            name = osp.basename(full)
            if re.fullmatch(r'(fold_\d+_)?seed_\d+', name):
                name = osp.basename(osp.dirname(full))
            group = runs.setdefault(name, [])
            same = [d for d in group
                    if osp.basename(osp.abspath(d)) == osp.basename(full)]
            if not same:
                group.append(work_dir)
            elif osp.realpath(same[0]) != osp.realpath(full):
                raise ValueError(
                    f'{same[0]} and {work_dir} are both '
                    f'{osp.basename(full)} of {name!r}: they are not seeds '
                    'of one experiment; plot one of them')
    return {_short(name, runs): folders for name, folders in runs.items()}


def _short(name: str, names: Iterable[str]) -> str:
    """Without the hash of the setting, where no other setting is told."""
    bare = [_HASH.sub('', other) for other in names]
    short = _HASH.sub('', name)
    return short if bare.count(short) == 1 else name


def read_scalars(work_dir: str) -> Records:
    """Everything a run logged, in the order in which it did.

    A resumed run logs into a new folder. What it repeats, because it was
    interrupted after its last checkpoint, counts once: the later one.

    Args:
        work_dir (str): Of the run.

    Returns:
        list[dict]: One dict a line; training lines hold 'iter'.
    """
    files = sorted(
        glob(osp.join(work_dir, '*', 'vis_data', 'scalars.json')))
    records: Records = []
    for file in files:
        with open(file, encoding='utf-8') as f:
            lines = [json.loads(line) for line in f if line.strip()]
        if lines and records:
            start = {kind: min((r['step'] for r in lines
                                if _kind(r) == kind), default=math.inf)
                     for kind in ('iter', 'epoch')}
            records = [r for r in records if r['step'] < start[_kind(r)]]
        records += lines
    return records


def _kind(record: Dict[str, float]) -> str:
    """Training lines count iterations, all others epochs."""
    return 'iter' if 'iter' in record else 'epoch'


def curve(runs: Sequence[Records], key: str) -> Curve:
    """A logged quantity over time, over seeds.

    Args:
        runs (Sequence[list[dict]]): From :func:`read_scalars`, one a seed.
        key (str): What was logged.

    Returns:
        Curve: At the steps common to all seeds that logged it; a step that
        was logged twice (a stage's last epoch and the assembled model) has
        the first value.

    Raises:
        ValueError: Seeds logged it up to other steps.
    """
    series = []
    for records in runs:
        points: Dict[int, float] = {}
        for record in records:
            if record.get(key) is not None:
                points.setdefault(int(record['step']), float(record[key]))
        if points:
            series.append(points)
    if not series:
        return Curve(np.zeros(0, int), np.zeros((0, 0)))
    ends = sorted({max(points) for points in series})
    if len(ends) > 1:
        raise ValueError(f'{key!r} was logged up to steps {ends}: these are '
                         'no seeds of one experiment, or not all have ended')
    common = sorted(set.intersection(*map(set, series)))
    return Curve(
        np.array(common, int),
        np.array([[points[s] for s in common] for points in series]))


def curves_of(runs: Sequence[Records], quantity: str) -> Dict[str, Curve]:
    """Curves of everything that is logged under a name.

    Args:
        runs (Sequence[list[dict]]): From :func:`read_scalars`, one a seed.
        quantity (str): Such as 'ogm_ratio', for ``ogm_ratio_<m>``; 'loss',
            for all losses; or a whole name, such as 'loss_con_audio'.

    Returns:
        dict[str, Curve]: By what follows the name, such as the modality, in
        the order of the log. What has just the name comes under the name,
        accuracies as 'fused'.
    """
    names = dict.fromkeys(
        key for records in runs for record in records for key in record
        if is_of(key, quantity))
    bare = 'fused' if quantity.startswith('acc/') else quantity
    return {key[len(quantity):].lstrip('_') or bare: curve(runs, key)
            for key in names}


def is_of(key: str, quantity: str) -> bool:
    """Whether something is logged under a name; see :func:`curves_of`."""
    return key == quantity or key.startswith((f'{quantity}_', f'{quantity}@'))


def clock(runs: Sequence[Records], quantity: str) -> str:
    """What the steps of a quantity count: 'iteration' or 'epoch'."""
    training = any(is_of(key, quantity) for records in runs
                   for record in records if _kind(record) == 'iter'
                   for key in record)
    return 'iteration' if training else 'epoch'
