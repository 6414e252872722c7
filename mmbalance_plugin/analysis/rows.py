"""Records in rows: one setting of a config each, over seeds and folds."""
from collections import defaultdict
from statistics import mean, stdev
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..shipped import shipped_root
from .records import Record

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
    """
    name: str
    data: str
    records: List[Record]

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

    def by_fold(self) -> Dict[Optional[int], Dict[int, Record]]:
        """Records by fold and seed."""
        folds: Dict[Optional[int], Dict[int, Record]] = defaultdict(dict)
        for record in self.records:
            folds[record.fold][record.seed] = record
        return dict(folds)

    def by_seed(self, split: str, metric: str) -> Dict[int, float]:
        """A metric's mean over folds, of each seed that has it."""
        values: Dict[int, List[float]] = defaultdict(list)
        for record in self.records:
            if metric in record.scores(split):
                values[record.seed].append(record.scores(split)[metric])
        return {seed: mean(several) for seed, several in values.items()}

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
    names = _names({key: group[0].options for key, group in groups.items()})
    return [
        Row(names[key], data_of(key[0]),
            sorted(group, key=lambda r: (r.fold or 0, r.seed)))
        for key, group in groups.items()
    ]


def _names(options: Dict[Key, List[str]]) -> Dict[Key, str]:
    """The config's name, with options that not all rows of its data have."""
    names = {}
    for (stem, key), own in options.items():
        same = [set(o) for (other, _), o in options.items()
                if data_of(other) == data_of(stem)]
        shared = set.intersection(*same)
        differing = [last_part(o) for o in own if o not in shared]
        names[stem, key] = ' '.join([stem, *dict.fromkeys(differing)])
    taken = list(names.values())
    return {key: name if taken.count(name) == 1 else f'{name} #{key[1]}'
            for key, name in names.items()}


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
