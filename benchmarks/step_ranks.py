"""Time of a step of one process beside two that share its batch.

OMP_NUM_THREADS=1 python benchmarks/step_ranks.py

The ranks are processes with gloo between them. Both sides take turns, a few
steps each; by the clock a step ends with the last rank's. CPU time is that
of the busier rank: what the clock would say of two cores that have nothing
else to do. docs/performance.md says what it showed.
"""
import argparse
import multiprocessing
import os
import tempfile
import time
from datetime import timedelta
from statistics import median, quantiles

import torch
import torch.distributed as dist

from step_methods import build_loops, steps_needed
from timing import Times, interleave, paired_ratios


def serve(pipe, rank: int, world_size: int, folder: str, loop: str,
          arguments: tuple) -> None:
    """Advance a rank's loop as often as asked, and answer its CPU time."""
    torch.set_num_threads(1)
    if world_size > 1:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank),
                          WORLD_SIZE=str(world_size))
        dist.init_process_group(
            'gloo', init_method=f'file://{folder}/rendezvous', rank=rank,
            world_size=world_size, timeout=timedelta(seconds=120))
    run = build_loops(f'{folder}/{world_size}', *arguments, [loop])[loop]
    while True:
        steps = pipe.recv()
        if steps is None:
            break
        before = time.process_time()
        run.advance(steps)
        pipe.send(time.process_time() - before)


class Ranks:
    """A loop in processes of its own.

    Args:
        world_size (int): How many.
        folder (str): For the runs and the ranks' rendezvous.
        loop (str): One of :func:`build_loops`.
        width (int): See there, as for the others.
        steps (int): Of the epoch.
        batch_size (int): Of all ranks together.
        size (int): Of a sample.
    """

    def __init__(self, world_size: int, folder: str, loop: str, width: int,
                 steps: int, batch_size: int, size: int) -> None:
        context = multiprocessing.get_context('spawn')
        arguments = width, world_size * steps, batch_size // world_size, size
        self.pipes, self.cpu = [], []
        for rank in range(world_size):
            pipe, other = context.Pipe()
            context.Process(
                target=serve, daemon=True,
                args=(other, rank, world_size, folder, loop, arguments)
            ).start()
            other.close()
            self.pipes.append(pipe)

    def advance(self, steps: int) -> None:
        """Take some steps, and note the busier rank's CPU time of one."""
        for pipe in self.pipes:
            pipe.send(steps)
        self.cpu.append(max(pipe.recv() for pipe in self.pipes) / steps)

    def close(self) -> None:
        """End the processes."""
        for pipe in self.pipes:
            pipe.send(None)


def row(loop: str, times: Times) -> str:
    """Medians of a loop, as a row of a Markdown table."""
    ratios = paired_ratios(times.wall, 'two', 'one')
    low, _, high = quantiles(ratios) if len(ratios) > 1 else 3 * ratios
    cells = [loop]
    cells += [f'{1e3 * median(times.wall[n]):.1f}' for n in ('one', 'two')]
    cells += [f'{median(ratios):.3f} ({low:.3f} to {high:.3f})']
    cells += [f'{1e3 * median(times.cpu[n]):.1f}' for n in ('one', 'two')]
    cells += [f'{median(paired_ratios(times.cpu, "two", "one")):.3f}']
    return '| ' + ' | '.join(cells) + ' |'


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Time of a step of one process beside two.')
    parser.add_argument('--rounds', type=int, default=30)
    parser.add_argument('--block', type=int, default=4)
    parser.add_argument('--warmup', type=int, default=4)
    parser.add_argument('--width', type=int, default=32)
    parser.add_argument('--batch-size', type=int, default=64,
                        help='of the ranks together')
    parser.add_argument('--size', type=int, default=40)
    parser.add_argument('--loops', nargs='+', metavar='LOOP',
                        default=['unimodal', 'UDI follower'])
    args = parser.parse_args()
    print('| loop | one process, ms a step | two | ratio (quartiles) | '
          'CPU ms, one | two, the busier | ratio |\n' + '|---' * 7 + '|')
    steps = steps_needed(args.rounds, args.block, args.warmup)
    for loop in args.loops:
        with tempfile.TemporaryDirectory() as folder:
            sides = {
                name: Ranks(count, folder, loop, args.width, steps,
                            args.batch_size, args.size)
                for name, count in (('one', 1), ('two', 2))
            }
            try:
                wall = interleave(sides, args.rounds, args.block,
                                  args.warmup).wall
                cpu = {n: s.cpu[1:] for n, s in sides.items()}
                print(row(loop, Times(wall, cpu)))
            finally:
                for side in sides.values():
                    side.close()


if __name__ == '__main__':
    main()
