"""What only a GPU can tell: every training path on a card, in minutes.

One card:
    python benchmarks/gpu_check.py
Two cards, with NCCL:
    torchrun --nproc_per_node=2 benchmarks/gpu_check.py --nccl
Without a card, to see that the checks themselves run:
    python benchmarks/gpu_check.py --device cpu --quick

Needs a checkout with the prepared data set ``av_digits``. Prints a line for
each check: PASS, FAIL, SKIP (the device lacks what it needs) or INFO (a
number to compare, no verdict). The exit status is 1 if anything failed.
"""
import argparse
import sys
from pathlib import Path
from typing import List, Optional

# The checks train the small runs of the test suite.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.gpu import deployment, memory, stalls, training  # noqa: E402
from benchmarks.gpu.session import Session  # noqa: E402


def main(argv: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(
        description='Every training path on a card, in minutes.')
    parser.add_argument('--nccl', action='store_true',
                        help='one process a card, started by torchrun')
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda')
    parser.add_argument('--quick', action='store_true',
                        help='fewer paths, those that contain the others')
    parser.add_argument('--trace', action='store_true',
                        help='the traceback of every failure')
    args = parser.parse_args(argv)
    try:
        session = Session(args.device, args.nccl, args.quick, args.trace)
    except RuntimeError as error:
        parser.error(str(error))
    with session:
        for room in (training, stalls, memory, deployment):
            room.run(session)
    return session.report()


if __name__ == '__main__':
    sys.exit(main())
