"""What the preparation of clips costs, as Markdown."""
from typing import List, Optional, Sequence, Tuple

from .media_preparation import Costs
from .media_preparation_runs import Run
from .media_profiles import Profile

_MINUTE, _HOUR = 60, 3600

#: A profile and what one of its clips costs.
Measured = Tuple[Profile, Costs]


def clip_table(measured: Sequence[Measured]) -> str:
    """Costs of one clip: kilobytes, and milliseconds of one core."""
    return _table(
        ('clip', 'kB', 'header ms', 'decode ms', 'extract ms', 'copy kB',
         'cache kB', 'filling ms', 'sample ms', 'from copy ms',
         'from cache ms'),
        [(profile.name, _kilobytes(costs), *_numbers(
            (1e3 * costs.header, 1e3 * costs.decode, 1e3 * costs.extract,
             costs.copy_size / 1e3, _times(1e-3, costs.cache_size),
             _times(1e3, costs.fill), 1e3 * costs.load,
             1e3 * costs.load_copy, _times(1e3, costs.load_cache))))
         for profile, costs in measured])


def set_table(measured: Sequence[Measured]) -> str:
    """The same times the published number of clips.

    Gigabytes, and time of one core; the cache is that of the training clips,
    and an epoch loads these and the validation's.
    """
    rows = []
    for profile, costs in measured:
        whole, epoch = profile.clips, profile.epoch
        copies, cache = _numbers(
            (whole * costs.copy_size / 1e9,
             _times(profile.train / 1e9, costs.cache_size)))
        rows.append((
            profile.name, f'{whole:,}', _duration(whole * costs.header),
            _duration(whole * costs.decode),
            _duration(whole * costs.extract), copies, cache,
            _duration(epoch * costs.load), _duration(epoch * costs.load_copy),
            _duration(_times(epoch, costs.load_cache))))
    return _table(
        ('set', 'clips', 'header', 'decode', 'extract', 'copies GB',
         'cache GB', 'epoch', 'from copies', 'from cache'), rows)


def run_table(runs: Sequence[Run]) -> str:
    """The command as a whole."""
    return _table(
        ('`prepare_data.py`', 'workers', 's by the clock', 'CPU s',
         'cores busy', 'peak MB'),
        [(run.what, str(run.workers), f'{run.wall:.1f}', f'{run.cpu:.1f}',
          f'{run.cores:.2f}', f'{run.peak / 1e6:.0f}') for run in runs])


def _kilobytes(costs: Costs) -> str:
    clip = f'{costs.size / 1e3:.0f}'
    if not costs.flow_size:
        return clip
    return f'{clip} + flow {costs.flow_size / 1e3:.0f}'


def _times(factor: float, value: Optional[float]) -> Optional[float]:
    return None if value is None else factor * value


def _numbers(values: Sequence[Optional[float]]) -> List[str]:
    """Two digits of what is small, none behind the point of what is not."""
    texts = []
    for value in values:
        if value is None:
            texts.append('-')
        elif value >= 10:
            texts.append(f'{value:,.0f}')
        else:
            texts.append(f'{value:#.2g}')
    return texts


def _duration(seconds: Optional[float]) -> str:
    if seconds is None:
        return '-'
    for unit, name in ((_HOUR, 'h'), (_MINUTE, 'min')):
        # A little less than an hour reads better in minutes.
        if seconds >= 1.5 * unit:
            return f'{_numbers([seconds / unit])[0]} {name}'
    return f'{_numbers([seconds])[0]} s'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ['| ' + ' | '.join(head) + ' |', '|---' * len(head) + '|']
    lines += ['| ' + ' | '.join(row) + ' |' for row in rows]
    return '\n'.join(lines)
