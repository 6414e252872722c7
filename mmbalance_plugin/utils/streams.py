"""Named random streams.

Every random draw of this package (masks, noise, permutations, initial
weights) comes from a generator derived from what the draw is *for*, never
from how many numbers were drawn before it. That is what makes a resumed
run equal an uninterrupted one, ranks agree where they must, and a branch
start from the same weights whichever other branches stand beside it.
"""
import hashlib
import random
from contextlib import contextmanager
from typing import Iterator, List, Union

import numpy as np
import torch


def stream_seed(seed: int, purpose: str, *ids: Union[int, str]) -> int:
    """Derive the seed of a named stream.

    Args:
        seed (int): The run's base seed.
        purpose (str): What the stream is for, e.g. ``'init'``.
        ids (int | str): What tells this draw from others of the same
            purpose: modality, epoch, iteration, and the rank where ranks
            should differ.

    Returns:
        int: A seed in [0, 2**63), the same on every machine.
    """
    text = '\x1f'.join([str(int(seed)), purpose, *map(str, ids)])
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], 'big') >> 1


def stream(seed: int,
           purpose: str,
           *ids: Union[int, str],
           device: Union[str, torch.device] = 'cpu') -> torch.Generator:
    """Build a generator for a named stream; see :func:`stream_seed`.

    Args:
        device (str | torch.device): Where the generator draws. Defaults to
            'cpu'. The numbers differ between device types.

    Returns:
        torch.Generator: A fresh generator at the start of the stream.
    """
    generator = torch.Generator(device=device)
    generator.manual_seed(stream_seed(seed, purpose, *ids))
    return generator


@contextmanager
def seeded(seed: int, purpose: str, *ids: Union[int, str]) -> Iterator[None]:
    """Run a block with torch's global generators at a named stream.

    The global state (CPU and the current CUDA device) is put back
    afterwards, so the block neither depends on earlier draws nor disturbs
    later ones.
    """
    with torch.random.fork_rng(devices=_cuda_in_use()):
        torch.manual_seed(stream_seed(seed, purpose, *ids))
        yield


def seed_everything(seed: int, purpose: str, *ids: Union[int, str]) -> None:
    """Set torch's, NumPy's and Python's global generators to a stream.

    Draws of this package have streams of their own; this is for those of
    others: dropout, transforms, initialisation.
    """
    seed = stream_seed(seed, purpose, *ids)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Put the global generators of torch (as :func:`seeded` does), NumPy and
    Python back after a block."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=_cuda_in_use()):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def generator_kind(device: torch.device) -> str:
    """What the numbers of a stream depend on, but for its seed.

    CUDA deals its draws out over a grid that depends on the card, and CPUs
    round by their vector instructions.
    """
    name = device.type
    if name == 'cuda':
        card = torch.cuda.get_device_properties(device)
        name = f'{card.name} ({card.multi_processor_count} units)'
    elif name == 'cpu':
        name = f'CPU ({torch.backends.cpu.get_cpu_capability()})'
    return f'{name}, torch {torch.__version__}'


def _cuda_in_use() -> List[int]:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return [torch.cuda.current_device()]
    return []
