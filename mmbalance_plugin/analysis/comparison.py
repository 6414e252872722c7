"""Rows of one data set against a baseline."""
from typing import (
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import numpy as np

from .differences import (
    POOLED_FOLDS,
    Difference,
    Paired,
    cluster_sums,
    difference,
    holm_levels,
    verdict,
)
from .measures import MEASURES, Measure
from .records import Record
from .rows import Row

BASELINE = 'joint'


class Finding(NamedTuple):
    """What is said of a row.

    Attributes:
        row (Row): The method.
        baseline (Row): What it is held against.
        fold (int | None): The fold that it is about, None for all.
        difference (Difference): To the baseline.
        level (float): Of the interval.
        low (float): The interval's lower end.
        high (float): Its upper end.
        verdict (str): See :func:`~.differences.verdict`.
    """
    row: Row
    baseline: Row
    fold: Optional[int]
    difference: Difference
    level: float
    low: float
    high: float
    verdict: str


class Comparison(NamedTuple):
    """Everything about one data set.

    Attributes:
        data (str): Its name, '' where it is no shipped one.
        split (str): 'test' or 'val'.
        metric (str): What is compared.
        rows (list[Row]): The baseline first, then by their options.
        modalities (list[str]): Those that some row has the metric of.
        baseline (Row | None): What rows are held against that have none of
            their own.
        source (str | None): What samples share that are resampled together.
        findings (list[Finding]): Of every other row that shares seeds.
    """
    data: str
    split: str
    metric: str
    rows: List[Row]
    modalities: List[str]
    baseline: Optional[Row]
    source: Optional[str]
    findings: List[Finding]


def compare(rows: Sequence[Row],
            metric: Optional[str] = None,
            split: str = 'test',
            baseline: Optional[str] = None) -> List[Comparison]:
    """Compare rows, each data set by itself.

    Args:
        rows (Sequence[Row]): Of any number of data sets.
        metric (str, optional): What differences are of, as far as it is
            one of ``MEASURES``. Defaults to None: :func:`usual_metric`.
        split (str): 'test', or 'val' for the selected weights' validation,
            without differences. Defaults to 'test'.
        baseline (str, optional): Name of a row, or its method's in every
            data set. Defaults to None: 'joint', where there is one; where
            it is there with options only, rows that have none of them are
            held against nothing.

    Returns:
        list[Comparison]: One for each data set.

    Raises:
        ValueError: There is no such metric or baseline; lists those there
            are. Or a row was tested on other samples than the baseline.
    """
    names = list(dict.fromkeys(
        name for row in rows for r in row.records for name in r.scores(split)))
    metric = metric or usual_metric(names)
    if metric not in names:
        raise ValueError(f'no run has {metric!r} on {split}; there are '
                         f'{", ".join(names)}')
    found = []
    for data in dict.fromkeys(row.data for row in rows):
        own = [row for row in rows if row.data == data]
        against = _named(own, baseline) if baseline else _joint(own, data)
        apart = against is None and not baseline
        if apart:  # there with options only, each for rows that share them
            against = min((row for row in own
                           if row.stem == f'{BASELINE}_{data}'),
                          key=lambda row: row.asked, default=None)
        if baseline and against is None:
            raise ValueError(
                f'there is no row {baseline!r} to compare with'
                f'{f" on {data}" if data else ""}; there are '
                f'{", ".join(row.name for row in own)}')
        own.sort(key=lambda row: (row is not against, row.asked))
        findings, source = [], None
        measured = measure_of(metric)
        if against is not None and split == 'test' and measured:
            findings = _findings(own, against, *measured, apart)
            source = against.records[0].tested.source
        prefix = f'{metric}_'
        found.append(Comparison(
            data, split, metric, own,
            [n[len(prefix):] for n in names if n.startswith(prefix) and any(
                row.score(split, n) for row in own)],
            against, source, findings))
    return found


def _named(rows: Sequence[Row], name: str) -> Optional[Row]:
    return next((row for row in rows if name in (row.name, row.method)), None)


def _joint(rows: Sequence[Row], data: str) -> Optional[Row]:
    """The row that is called so; of configs of one's own, ``joint_...``."""
    own = [row for row in rows
           if not data and row.name.startswith(f'{BASELINE}_')]
    return _named(rows, BASELINE) or (own[0] if len(own) == 1 else None)


def _findings(rows: Sequence[Row], baseline: Row,
              measure: Measure, suffix: str,
              apart: bool) -> List[Finding]:
    cells: List[Tuple[Row, Row, Optional[int], Difference]] = []
    for row in rows:
        if row is baseline:
            continue
        other = _of_same_options(
            row, rows, baseline.stem, set() if apart else
            set(baseline.asked), None if apart else baseline)
        if other is None:
            continue
        folds = {f: p for f in row.by_fold()
                 if (p := _paired(row, other, f, measure, suffix))}
        if len(folds) >= POOLED_FOLDS:
            cells.append((row, other, None, difference(
                list(folds.values()), measure)))
        else:
            cells += [(row, other, fold, difference([pair], measure))
                      for fold, pair in folds.items()]
    levels = holm_levels([d.p for *_, d in cells])
    findings = []
    for (row, other, fold, found), level in zip(cells, levels):
        low, high = found.interval(level)
        findings.append(Finding(row, other, fold, found, level, low, high,
                                verdict(low, high, measure.sign)))
    return findings


def _of_same_options(row: Row, rows: Sequence[Row], stem: str,
                     least: Set[str], default: Optional[Row]) -> Optional[Row]:
    """The baseline with as many of the row's options as there is, and tuned
    as the row is; what tuning chose for either is no difference."""
    fitting = [other for other in rows
               if other is not row and other.stem == stem
               and least <= set(other.asked) <= set(row.asked)]
    return max(fitting, default=default, key=lambda other: (
        len(other.asked), bool(other.tuning) == bool(row.tuning)))


def sign_of(metric: str) -> int:
    """-1 for a metric of which less is better."""
    return min(measure.sign if metric == name or metric.startswith(f'{name}_')
               else 1 for name, measure in MEASURES.items())


def usual_metric(names: Iterable[str]) -> str:
    """What is compared where nothing is said: 'acc/mAP' of several labels,
    of which there is no 'acc/top1'."""
    several = 'acc/mAP' in names and 'acc/top1' not in names
    return 'acc/mAP' if several else 'acc/top1'


def measure_of(metric: str) -> Optional[Tuple[Measure, str]]:
    """The measure behind a metric's name, and the rest of the name; None
    where it is no function of sums over samples, as mAP."""
    for name in sorted(MEASURES, key=len, reverse=True):
        if metric == name or metric.startswith(f'{name}_'):
            return MEASURES[name], metric[len(name):]
    return None


def _paired(row: Row, baseline: Row, fold: Optional[int], measure: Measure,
            suffix: str) -> Optional[Paired]:
    """Both methods on a fold, None if they share no seed there."""
    own, other = (r.by_fold().get(fold, {}) for r in (row, baseline))
    seeds = sorted(own.keys() & other.keys())
    if not seeds:
        return None
    tested = max((other[seed].tested for seed in seeds),
                 key=lambda tested: tested.named)
    pairs: Dict[str, List[np.ndarray]] = dict(own=[], other=[])
    for which, records in (('own', own), ('other', other)):
        for seed in seeds:
            _check_samples(records[seed], other[seeds[0]])
            rows = records[seed].probabilities(measure, suffix)
            if rows is None:
                return None
            pairs[which].append(rows)
    everything = np.stack(pairs['own'] + pairs['other'])
    there = ~np.isnan(everything[:, :, 0]).any(axis=0)
    clusters = tested.clusters
    if clusters is not None:
        clusters = clusters[there]

    def sums(several: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([
            cluster_sums(measure.parts(rows[there], tested.targets[there]),
                         clusters) for rows in several])

    return Paired(sums(pairs['own']), sums(pairs['other']),
                  None if clusters is None or not tested.named
                  else np.unique(clusters))


def _check_samples(record: Record, reference: Record) -> None:
    if record.samples != reference.samples and not np.array_equal(
            record.tested.targets, reference.tested.targets):
        raise ValueError(f'{record.path} was tested on other samples than '
                         f'{reference.path}: they cannot be compared')
