"""``torchrun`` that leaves the last word to the process that failed.

    python -m mmbalance_plugin.cli.torchrun --nproc_per_node=2 SCRIPT ...

Takes what ``torchrun`` takes. A process of ours has said why it ended; the
pages that follow about exit codes and signals are left out, and the exit
status is that of the process that failed first.
"""
import logging
import signal
import sys
from typing import List, Optional


def main(argv: Optional[List[str]] = None) -> int:
    """Start the processes and wait for them.

    Args:
        argv (List[str], optional): Defaults to None, the command line.

    Returns:
        int: The exit status.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import (
        ChildFailedError,
    )
    args = run.parse_args(argv)
    for name in [*logging.root.manager.loggerDict]:
        if name.startswith('torch.distributed.elastic'):
            logging.getLogger(name).disabled = True
    try:
        run.run(args)
    except ChildFailedError as error:
        rank, first = error.get_first_failure()
        if first.exitcode > 0:
            return first.exitcode
        name = signal.Signals(-first.exitcode).name
        print(f'error: process {rank} was ended by {name}'
              f'{", for want of memory?" if name == "SIGKILL" else ""}',
              file=sys.stderr)
        return 128 - first.exitcode
    except SignalException as error:
        return 128 + error.sigval
    return 0


if __name__ == '__main__':
    sys.exit(main())
