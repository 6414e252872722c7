"""Records in rows: one setting of a config each, over seeds and folds."""
from collections import defaultdict
from statistics import mean, stdev
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from ..shipped import shipped_root
from .records import Record, read_tuning

Key = Tuple[str, str]


class Score(NamedTuple):
    """Mean over folds and seeds, deviation over seeds (None of one)."""
    mean: float
    deviation: Optional[float]


class Row(NamedTuple):
    """A setting of a config.

    Attributes:
        name (str): The config's name, and the options that tell it from
            other rows.
        data (str): Name of its data set, '' where it is no shipped one.
        records (list[Record]): By fold and seed.
        tuning (list[Mapping]): What was tried on validation before, an entry
            of ``tuning.json`` for each fold; empty if nothing was.
    """
    name: str
    data: str
    records: List[Record]
    tuning: Sequence[Mapping[str, Any]] = ()

    @property
    def method(self) -> str:
        """str: The name without that of the data set."""
        return without_data(self.name, self.data)

    @property
    def stem(self) -> str:
        """str: Name of the config's file."""
        return self.records[0].stem

    @property
    def options(self) -> List[str]:
        """list[str]: KEY=VALUE."""
        return self.records[0].options

    @property
    def asked(self) -> List[str]:
        """list[str]: Those among them that tuning has not chosen."""
        chosen = self.tuning[0]['chosen'] if self.tuning else ()
        return [o for o in self.options if o not in chosen]

    def by_fold(self) -> Dict[Optional[int], Dict[int, Record]]:
        """Records by fold and seed."""
        folds: Dict[Optional[int], Dict[int, Record]] = defaultdict(dict)
        for record in self.records:
            folds[record.fold][record.seed] = record
        return dict(folds)

    def by_seed(self, split: str, metric: str) -> Dict[int, float]:
        """A metric's mean over folds, of each seed that has it.

        Folds that a seed lacks, as a run failed, count with their mean: an
        easy fold that is missing makes no method worse.
        """
        folds = {fold: own for fold, records in self.by_fold().items() if (
            own := {seed: r.scores(split)[metric] for seed, r
                    in records.items() if metric in r.scores(split)})}
        usual = {fold: mean(own.values()) for fold, own in folds.items()}
        found = {}
        for seed in dict.fromkeys(s for own in folds.values() for s in own):
            there = {f: own[seed] for f, own in folds.items() if seed in own}
            found[seed] = mean(there.values())
            if len(there) < len(folds):
                found[seed] += mean(usual.values()) - mean(
                    usual[f] for f in there)
        return found

    def score(self, split: str, metric: str) -> Optional[Score]:
        """A metric's mean and spread, None if no run has it."""
        means = list(self.by_seed(split, metric).values())
        if not means:
            return None
        return Score(mean(means), stdev(means) if len(means) > 1 else None)


def make_rows(records: Sequence[Record]) -> List[Row]:
    """Sort records into rows, in their order.

    Args:
        records (Sequence[Record]): Of any number of settings.

    Returns:
        list[Row]: One for each setting.

    Raises:
        ValueError: Two records are of the same run; names both.
    """
    groups: Dict[Key, List[Record]] = defaultdict(list)
    seen: Dict[tuple, Record] = {}
    for record in records:
        run = (record.key, record.fold, record.seed)
        other = seen.setdefault(run, record)
        if other.path.resolve() != record.path.resolve():
            raise ValueError(f'{other.path} and {record.path} are the same '
                             'run: leave one out')
        if other is record:
            groups[record.stem, record.key].append(record)
    tuning = _tuning(records)
    rows = [
        Row('', data_of(stem),
            sorted(group, key=lambda r: (r.fold or 0, r.seed)),
            [told for told in tuning if told['key'] == key])
        for (stem, key), group in groups.items()
    ]
    names = _names(rows, lambda row: row.asked)
    # A tuned row beside the same one untuned.
    names = [name if names.count(name) == 1 else longer for name, longer
             in zip(names, _names(rows, lambda row: row.options))]
    return [row._replace(name=name if names.count(name) == 1 else
                         f'{name} #{row.records[0].key}')
            for row, name in zip(rows, names)]


def _names(rows: Sequence[Row],
           options: Callable[[Row], List[str]]) -> List[str]:
    """The config's name, with options that not all rows of its data have."""
    names = []
    for row in rows:
        shared = set.intersection(*(
            set(options(r)) for r in rows if r.data == row.data))
        differing = [last_part(o) for o in options(row) if o not in shared]
        names.append(' '.join([row.stem, *dict.fromkeys(differing)]))
    return names


def _tuning(records: Sequence[Record]) -> List[Mapping[str, Any]]:
    """What the records' stores know of the tuning before."""
    stores = dict.fromkeys(r.path.parent.parent for r in records)
    return [told for store in stores for told in read_tuning(store)]


def without_data(name: str, data: str) -> str:
    """A config's name without that of its data set."""
    return name.replace(f'_{data}', '', 1) if data else name


def last_part(option: str) -> str:
    """An option as it is shown: the last part of its key, and its value."""
    key, _, value = option.partition('=')
    return f'{key.rsplit(".", 1)[-1]}={value}'


def data_of(stem: str) -> str:
    """Name of the shipped data set that a config is for, or ''."""
    folder = shipped_root() / 'configs/_base_/sets'
    return max((p.stem for p in folder.glob('*.py')
                if stem.endswith(f'_{p.stem}')), key=len, default='')
