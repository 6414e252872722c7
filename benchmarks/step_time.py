"""Time of a training step, method by method, beside a bare PyTorch loop.

OMP_NUM_THREADS=1 python benchmarks/step_time.py

All loops train in one process and take turns, a few steps each, so that
whatever slows the machine slows all of them; ratios are taken round by
round. Needs no data. docs/performance.md says what it showed.
"""
import argparse
import json
import tempfile

import torch

from step_methods import (
    OTHERS,
    ROWS,
    build_loops,
    steps_needed,
)
from timing import (
    interleave,
    paired_ratios,
    ratio_table,
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Time of a training step, method by method.')
    parser.add_argument('--rounds', type=int, default=30)
    parser.add_argument('--block', type=int, default=2,
                        help='steps of each loop in a round')
    parser.add_argument('--warmup', type=int, default=3)
    parser.add_argument('--width', type=int, default=32,
                        help="channels of an encoder's first stage")
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--size', type=int, default=64,
                        help='height and width of a sample')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--loops', nargs='+', metavar='LOOP',
                        help='only these, e.g. "bare joint" joint')
    parser.add_argument('--methods', action='store_true',
                        help='joint and the other methods, in place of the '
                        'usual loops')
    parser.add_argument('--json', help='also write all times to this file')
    args = parser.parse_args()
    if args.methods:
        args.loops = ['joint', *OTHERS]
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as work_dir:
        loops = build_loops(
            work_dir, args.width,
            steps_needed(args.rounds, args.block, args.warmup),
            args.batch_size, args.size, args.loops)
        times = interleave(loops, args.rounds, args.block, args.warmup)
    rows = [row for row in ROWS if {row.loop, row.reference} <= set(loops)]
    print(f'{args.rounds} rounds of {args.block} steps, batch '
          f'{args.batch_size}, size {args.size}, width {args.width}, '
          f'{args.threads} thread(s), '
          f'torch {torch.__version__}\n')
    print(ratio_table(times, rows))
    if args.json:
        ratios = {f'{row.loop} / {row.reference}': paired_ratios(
            times.wall, row.loop, row.reference) for row in rows}
        with open(args.json, 'w', encoding='utf-8') as f:
            json.dump(dict(**times._asdict(), ratios=ratios), f, indent=1)


if __name__ == '__main__':
    main()
