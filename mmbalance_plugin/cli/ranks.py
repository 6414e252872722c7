"""Which of several processes tells what all of them met."""
import os
import sys

LOCAL_RANKS = ('LOCAL_RANK', 'SLURM_LOCALID', 'OMPI_COMM_WORLD_LOCAL_RANK')


def speaks(line: str) -> bool:
    """Whether it is for this process to say something.

    Args:
        line (str): What is to be said. Once the processes are connected,
            the first one that has it says it. Before, they do the same
            things, and the first of each machine speaks.

    Returns:
        bool: True where there is one process.
    """
    dist = sys.modules.get('torch.distributed')
    if dist is not None and dist.is_available() and dist.is_initialized():
        try:
            from torch.distributed.distributed_c10d import _get_default_store
            return _get_default_store().add(f'mmbalance/{line}', 1) == 1
        except Exception:  # the process that kept the store is gone
            return True
    return first_of_machine()


def first_of_machine() -> bool:
    """Whether this is the first process of a machine, or the only one.

    As the launcher's variables say; torch need not be imported.
    """
    ranks = [os.environ[name] for name in LOCAL_RANKS if name in os.environ]
    return not ranks or ranks[0] == '0'
