"""From measured intervals to what a reader should do."""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from .intervals import Interval

#: A modality carries nothing if its accuracy alone surely is less than this
#: above the most frequent class: then it can break hardly any tie.
CARRIES = .05
#: What only the pair tells counts from here on: smaller gains of real pairs
#: also come from errors that modalities share, which exchanging takes away.
PAIR = .02
#: A modality is held back if it surely loses this much more inside the joint
#: model than the one that loses least: a joint model costs each of them a bit.
HELD_BACK = .02
#: The same where mending it surely gains next to nothing: then only what
#: nobody would overlook.
STARVES = .05
#: Where a gain beyond this cannot be excluded, nothing is said: it would be
#: as large as what the best methods gain anywhere (docs/results.md).
TELLS = .03
#: Where none of N samples differs, 3 / N of all still may (at 95 %, the rule
#: of three); no interval of ours is taken to be narrower.
RULE_OF = 3


class Verdict(NamedTuple):
    """One finding.

    Attributes:
        kind (str): 'pair', 'useless', 'imbalanced', 'balanced' or
            'unknown'.
        text (str): In plain words, with its numbers.
        run (str): Variant to run next, or 'unimodal_<modality>', or what is
            diagnosed if nothing is better.
    """
    kind: str
    text: str
    run: str

    @property
    def tone(self) -> str:
        """str: 'good', 'warn' or 'unknown', for the report."""
        return dict(balanced='good', unknown='unknown').get(self.kind, 'warn')


def verdicts(measured: Mapping[str, Any]) -> List[Verdict]:
    """Judge a diagnosis.

    Args:
        measured (Mapping): ``modalities``, ``base`` (what is diagnosed),
            ``chance``, ``samples`` (how many judge), and
            intervals, [estimate, low, high] each:
            ``alone``, ``inside`` and ``gaps`` (the one minus the other) by
            modality, ``differences`` by 'multi_loss - <base>' and the like,
            and ``interaction`` where it was measured.

    Returns:
        list[Verdict]: The most important first, at least one. 'balanced' and
        'unknown' only come alone.
    """
    found: List[Optional[Verdict]] = [_pair(measured)]
    if found[0] is None:
        found = [_useless(measured, m) for m in measured['modalities']]
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
        run)


def _useless(measured: Mapping[str, Any], name: str) -> Optional[Verdict]:
    chance, alone = measured['chance'], measured['alone']
    others = [m for m in measured['modalities'] if m != name]
    carrying = [m for m in others if alone[m][1] > chance + CARRIES]
    if alone[name][2] >= chance + CARRIES or not carrying:
        return None
    run = f'unimodal_{carrying[0]}' if len(others) == 1 else 'decoupled'
    return Verdict(
        'useless', f'{name} carries no label information on validation: '
        f'alone it reaches {_percent(alone[name])}, the most frequent class '
        f'is {100 * chance:.1f}. Drop it or weight it down', run)


def _gains(measured: Mapping[str, Any]) -> Dict[str, Interval]:
    """What each alternative gains over what is diagnosed, best first."""
    end = f' - {measured["base"]}'
    gains = {name[:-len(end)]: value for name, value
             in measured['differences'].items() if name.endswith(end)}
    return dict(sorted(gains.items(), key=lambda item: -item[1][0]))


def _held_back(measured: Mapping[str, Any], more: float) -> List[str]:
    """Modalities that surely lose more than another, the worst first."""
    gaps: Dict[str, Interval] = measured['gaps']
    least = min(gap[0] for gap in gaps.values())
    names = [m for m, gap in gaps.items() if gap[1] > max(0, least) + more
             and _useless(measured, m) is None]
    return sorted(names, key=lambda m: -gaps[m][0])


def _noise(measured: Mapping[str, Any]) -> Optional[float]:
    """What is noise here, if a gain that matters cannot be excluded."""
    floor = RULE_OF / measured['samples']
    widest = max(_gains(measured).values(), key=lambda value: value[2])
    if max(widest[2], floor) <= TELLS:
        return None
    return max(widest[2] - widest[0], floor)


def _imbalanced(measured: Mapping[str, Any]) -> Optional[Verdict]:
    better, gain = next(iter(_gains(measured).items()))
    gains = gain[1] > 0
    held_back = _held_back(measured, HELD_BACK if gains else STARVES)
    if not held_back or not gains and _noise(measured) is not None:
        return None
    reach = ' and '.join(
        f'{m} reaches {100 * measured["inside"][m][0]:.1f} of its '
        f'{100 * measured["alone"][m][0]:.1f}' for m in held_back)
    size = f'recovers it, expected gain {_points(gain)}' if gains else (
        f'gives it its due, but no gain is expected ({_points(gain)})')
    return Verdict(
        'imbalanced', f'imbalanced: {reach} inside {_called(measured)}; '
        f'{_words(better)} training {size}', better)


def _balanced(measured: Mapping[str, Any]) -> Verdict:
    better, gain = next(iter(_gains(measured).items()))
    size = f'{_words(better)} training changes {_points(gain)}'
    if gain[1] > 0:
        return Verdict(
            'balanced', 'balanced: no modality is held back more than '
            'another, so modulation is not expected to help; yet '
            f'{_words(better)} training gains {_points(gain)}', better)
    noise = _noise(measured)
    if noise is not None:
        return Verdict(
            'unknown', 'not enough data to tell: differences below '
            f'{100 * noise:.1f} points are noise here ({size}). More samples '
            'help more than more seeds', better)
    return Verdict(
        'balanced', f'balanced: modulation is not expected to help ({size})',
        measured['base'])


def _called(measured: Mapping[str, Any]) -> str:
    return 'the joint model' if measured['base'] == 'joint' else \
        str(measured['base'])


def _words(variant: str) -> str:
    return variant.replace('_', '-')


def _percent(value: Interval) -> str:
    return '{:.1f} ({:.1f} to {:.1f})'.format(*(100 * v for v in value))


def _points(value: Interval) -> str:
    return '{:+.1f} points ({:+.1f} to {:+.1f})'.format(
        *(100 * v for v in value))
