"""From measured intervals to what a reader should do."""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .intervals import Interval

#: A modality carries nothing if its accuracy surely is less than this above
#: the most frequent class: then it can break hardly any tie.
CARRIES = .05
#: What only the pair tells counts from here on: smaller gains of real pairs
#: also come from errors that modalities share, which exchanging takes away.
PAIR = .02
#: A modality is held back if it surely loses this much more inside the joint
#: model than the one that loses least: a joint model costs each of them a bit.
HELD_BACK = .02
#: The same where mending it does not surely gain: then only what nobody would
#: overlook.
STARVES = .05
#: The same where what mending gains is open; and, in every single seed, where
#: seeds differ so much that no interval of a few of them can leave out zero.
CLEARLY = .10
#: Where a gain beyond this cannot be excluded, nothing is balanced: it would
#: be as large as what the best methods gain anywhere (docs/results.md).
TELLS = .03

_MOST = 'It gained most of those measured.'
_NOTHING = 'Nothing that was measured is better.'


class Verdict(NamedTuple):
    """One finding.

    Attributes:
        kind (str): 'pair', 'useless', 'imbalanced', 'balanced' or
            'unknown'.
        text (str): In plain words, with its numbers.
        run (str): Variant to run next, or what is diagnosed if nothing is
            better.
        why (str): Why that.
        drop (tuple[str]): Modalities that it is to do without.
    """
    kind: str
    text: str
    run: str
    why: str
    drop: Tuple[str, ...] = ()

    @property
    def tone(self) -> str:
        """str: 'good', 'warn' or 'unknown', for the report."""
        return dict(balanced='good', unknown='unknown').get(self.kind, 'warn')


def verdicts(measured: Mapping[str, Any]) -> List[Verdict]:
    """Judge a diagnosis.

    Args:
        measured (Mapping): ``modalities``, ``base`` (what is diagnosed),
            ``chance`` (of the most frequent class) by modality, and
            intervals, [estimate, low, high] each:
            ``alone``, ``probe``, ``inside`` and ``gaps`` (the better of the
            first two minus the third) by modality, ``accuracy`` by model,
            ``differences`` by 'multi_loss - <base>' and the like, ``each``
            of these at 95 % by itself, ``sampled`` the same for these very
            runs, ``excess`` and ``worst`` (how much more one modality loses
            than another), and ``interaction`` where it was measured.

    Returns:
        list[Verdict]: The most important first, at least one. 'balanced' and
        'unknown' only come alone.
    """
    nothing = _nothing(measured)
    if nothing is not None:
        return [nothing]
    found: List[Optional[Verdict]] = [_pair(measured)]
    if found[0] is None:
        found = [*_useless(measured)]
    found.append(_imbalanced(measured))
    said = [v for v in found if v is not None]
    return said or [_balanced(measured)]


def _pair(measured: Mapping[str, Any]) -> Optional[Verdict]:
    gain = measured.get('interaction')
    if gain is None or gain[1] <= 0 or gain[0] < PAIR:
        return None
    differences = measured['differences']
    run = 'pairs' if 'decoupled - pairs' in differences else 'joint'
    apart = differences.get(f'decoupled - {run}')
    if apart is not None and apart[1] > 0:
        return None
    loses = f', which decoupled training loses ({_points(apart)})' \
        if apart is not None and apart[2] < 0 else ''
    return Verdict(
        'pair', 'the class lies in the pair: do not decouple. Real pairs '
        f'gain {_points(gain)} over pairs exchanged within the class{loses}',
        run, 'It sees both modalities at once.')


def _carries(measured: Mapping[str, Any], name: str, bound: int) -> bool:
    """Whether a bound of what a modality reaches is worth anything."""
    best = max(measured[kind][name][bound] for kind in ('alone', 'probe'))
    return best > measured['chance'][name] + CARRIES


def _nothing(measured: Mapping[str, Any]) -> Optional[Verdict]:
    chance = max(measured['chance'].values())
    if any(_carries(measured, m, 2) for m in measured['modalities']) or any(
            v[2] > chance + CARRIES for v in measured['accuracy'].values()):
        return None
    return Verdict(
        'unknown', 'nothing is learned: neither a modality nor a fusion is '
        f'above the most frequent class, {100 * chance:.1f}. Look at labels '
        'and learning rate, or train longer', measured['base'], _NOTHING)


def _useless(measured: Mapping[str, Any]) -> List[Verdict]:
    """One verdict for each, if something else carries information."""
    names, chances = measured['modalities'], measured['chance']
    found = tuple(m for m in names if not _carries(measured, m, 2))
    if not any(_carries(measured, m, 1) for m in names):
        return []
    said = []
    for name in found:
        alone, chance = measured['alone'][name], chances[name]
        much = 'hardly any' if alone[1] > chance else 'no'
        said.append(Verdict(
            'useless', f'{name} carries {much} label information on '
            f'validation: alone it reaches {_percent(alone)}, the most '
            f'frequent class is {100 * chance:.1f}. Drop it or weight it '
            'down', 'joint', 'It does without that modality.', found))
    return said


class _Best(NamedTuple):
    """The alternative that surely gains most over what is diagnosed, or else
    seems to, and the gain that can be excluded least."""
    run: str
    gain: Interval
    widest: Interval

    @property
    def surely(self) -> bool:
        return self.gain[1] > 0

    @property
    def open(self) -> bool:
        return self.widest[2] > TELLS

    @property
    def words(self) -> str:
        return f'{self.run.replace("_", "-")} training'

    def next(self, base: str) -> Tuple[str, str]:
        """What to run, and why."""
        if self.surely:
            return self.run, _MOST
        if self.open:
            return self.run, 'The best so far; more samples would tell.'
        return base, _NOTHING


def _best(measured: Mapping[str, Any]) -> _Best:
    end = f' - {measured["base"]}'
    gains: Dict[str, Interval] = {
        name[:-len(end)]: value
        for name, value in measured['differences'].items()
        if name.endswith(end)}
    run = max(gains, key=lambda name: (max(gains[name][1], 0),
                                       gains[name][0]))
    return _Best(run, gains[run], max(measured['each'].values(),
                                      key=lambda value: value[2]))


def _excess(measured: Mapping[str, Any]) -> Dict[str, Tuple[Interval, float]]:
    """How much more each modality loses than the one that loses least, on
    average and in the worst seed, the worst first; what has nothing to lose
    is left out."""
    gaps: Dict[str, Interval] = {
        m: gap for m, gap in measured['gaps'].items()
        if _carries(measured, m, 2)}
    least = min(gaps, key=lambda m: gaps[m][0], default='')
    return {m: (measured['excess'][m][least], measured['worst'][m][least])
            for m in sorted(gaps, key=lambda m: -gaps[m][0])}


def _imbalanced(measured: Mapping[str, Any]) -> Optional[Verdict]:
    best = _best(measured)
    more = HELD_BACK if best.surely else CLEARLY if best.open else STARVES
    held_back = [m for m, (mean, worst) in _excess(measured).items()
                 if mean[1] > more or worst > CLEARLY]
    if not held_back:
        return None
    alone, probe = measured['alone'], measured['probe']
    reach = ' and '.join(
        f'{m} reaches {100 * measured["inside"][m][0]:.1f} of its '
        f'{100 * max(alone[m][0], probe[m][0]):.1f}' for m in held_back)
    size = _points(best.gain)
    # Not even alone do they learn what their own features tell.
    late = [m for m in held_back if alone[m][2] < probe[m][1]]
    if best.surely:
        pays = f'{best.words} recovers it, expected gain {size}'
    elif late:
        pays = f'{best.words} changes {size}' if best.open else \
            f'no gain is expected of {best.words} ({size})'
    elif best.open:
        pays = f'{best.words} may recover it; too few data to tell what is ' \
            f'gained ({size})'
    else:
        pays = f'{best.words} gives it its due, but no gain is expected ' \
            f'({size})'
    pays += ''.join(
        f'. {m} learns late: alone it reaches {_percent(alone[m])}, a linear '
        f'probe of its features {_percent(probe[m])}; scale its input, raise '
        'its learning rate or train longer' for m in late)
    return Verdict(
        'imbalanced', f'imbalanced: {reach} inside {_called(measured)}; '
        + pays, *best.next(measured['base']))


def _balanced(measured: Mapping[str, Any]) -> Verdict:
    best = _best(measured)
    size = _points(best.gain)
    changes = f'{best.words} {"gains" if best.surely else "changes"} {size}'
    named = ', '.join(
        f'{m} more than another by {_points(mean)}'
        for m, (mean, _) in _excess(measured).items() if mean[0] > CLEARLY
        or best.surely and best.open and mean[2] > STARVES)
    if best.open and not best.surely:
        noise = 100 * (best.widest[2] - best.widest[0])
        return Verdict(
            'unknown', f'not enough data to tell: differences below '
            f'{noise:.1f} points are noise here ({changes}). '
            + _more(measured), *best.next(measured['base']))
    if best.surely and named:
        return Verdict(
            'unknown', 'not enough data to tell whether a modality is held '
            f'back ({named}); {changes}', *best.next(measured['base']))
    if best.surely:
        return Verdict(
            'balanced', 'balanced: no modality is held back more than '
            'another, so modulation is not expected to help; yet '
            f'{changes}', *best.next(measured['base']))
    doubt = f'; not sure to be held back: {named}' if named else ''
    return Verdict(
        'balanced', 'balanced: modulation is not expected to help '
        f'({changes}){doubt}', *best.next(measured['base']))


def _more(measured: Mapping[str, Any]) -> str:
    """Whether samples or seeds leave most open."""
    def reach(intervals: Mapping[str, Interval]) -> float:
        return max(high - low for _, low, high in intervals.values())

    samples = reach(measured['sampled'])
    if 2 * samples**2 > reach(measured['each'])**2:
        return 'More samples help more than more seeds'
    return 'It is seeds that differ: more of them help more than more samples'


def _called(measured: Mapping[str, Any]) -> str:
    return 'the joint model' if measured['base'] == 'joint' else \
        str(measured['base'])


def _percent(value: Interval) -> str:
    return '{:.1f} ({:.1f} to {:.1f})'.format(*(100 * v for v in value))


def _points(value: Interval) -> str:
    return '{:+.1f} points ({:+.1f} to {:+.1f})'.format(
        *(100 * v for v in value))
