"""Step times of several training loops, measured side by side."""
import random
import time
from statistics import median, quantiles
from typing import Dict, List, NamedTuple, Optional, Protocol, Sequence


class Loop(Protocol):
    """Anything that trains a few steps when asked to."""

    def advance(self, steps: int) -> None:
        """Take some steps."""


class Comparison(NamedTuple):
    """One row of the table.

    Attributes:
        loop (str): Name of the loop.
        reference (str): Name of the loop it is compared to.
        bound (float | None): What the ratio should not exceed.
    """
    loop: str
    reference: str
    bound: Optional[float] = None


class Times(NamedTuple):
    """Seconds a step, of each block.

    Attributes:
        wall (dict[str, list[float]]): By the clock.
        cpu (dict[str, list[float]]): Of this process on any core; what
            other processes do disturbs it less.
    """
    wall: Dict[str, List[float]]
    cpu: Dict[str, List[float]]


def interleave(loops: Dict[str, Loop],
               rounds: int,
               block: int,
               warmup: int = 2,
               seed: int = 0) -> Times:
    """Time loops in turns, so that a slow moment slows all of them.

    In every round each loop takes one block of steps, in an order drawn
    anew.

    Args:
        loops (dict[str, Loop]): What to time.
        rounds (int): Blocks of each loop.
        block (int): Steps of a block.
        warmup (int): Steps of each loop before. Defaults to 2.
        seed (int): Of the order. Defaults to 0.

    Returns:
        Times: One number a loop and round, rounds aligned.
    """
    order, draw = list(loops), random.Random(seed)
    times = Times({m: [] for m in order}, {m: [] for m in order})
    for name in order:
        loops[name].advance(warmup)
    for _ in range(rounds):
        draw.shuffle(order)
        for name in order:
            wall, cpu = time.perf_counter(), time.process_time()
            loops[name].advance(block)
            times.wall[name].append((time.perf_counter() - wall) / block)
            times.cpu[name].append((time.process_time() - cpu) / block)
    return times


def paired_ratios(times: Dict[str, List[float]], loop: str,
                  reference: str) -> List[float]:
    """Ratios of two loops' times, round by round."""
    return [a / b for a, b in zip(times[loop], times[reference])]


def ratio_table(times: Times, rows: Sequence[Comparison]) -> str:
    """Medians, as a Markdown table.

    Args:
        times (Times): From :func:`interleave`.
        rows (Sequence[Comparison]): What to compare to what.

    Returns:
        str: One row a comparison: median time of a step, median and
        quartiles of the ratios by the clock, medians of the ratios and of
        the differences by CPU time, bound.
    """
    lines = ['| loop | ms a step | compared to | ratio (quartiles) | '
             'CPU time ratio | CPU ms more | bound |', '|---' * 7 + '|']
    for loop, reference, bound in rows:
        cells = [loop, f'{1e3 * median(times.wall[loop]):.1f}', reference]
        if loop == reference:
            cells += ['-', '-', '-', '-']
        else:
            ratios = paired_ratios(times.wall, loop, reference)
            low, _, high = (quantiles(ratios) if len(ratios) > 1 else
                            3 * ratios)
            cpu = median(paired_ratios(times.cpu, loop, reference))
            more = median(a - b for a, b in zip(times.cpu[loop],
                                                times.cpu[reference]))
            cells += [f'{median(ratios):.3f} ({low:.3f} to {high:.3f})',
                      f'{cpu:.3f}', f'{1e3 * more:.2f}',
                      '-' if bound is None else f'{bound:.2f}']
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)
