"""A clip in memory."""
import os
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

import numpy as np
import torch
from torch import Tensor

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.utils.pointers import pointer_file


class ClipError(ValueError):
    """What was given is no clip that the model can take."""


@dataclass(frozen=True)
class Clip:
    """A clip as the data preprocessor takes it.

    Attributes:
        name (str): For results and messages.
        inputs (dict[str, Tensor]): One sample of each modality that is
            there, in the model's order.
    """
    name: str
    inputs: Dict[str, Tensor]

    @property
    def kind(self) -> Tuple[Tuple[str, Tuple[int, ...]], ...]:
        """tuple: What clips of one batch share."""
        return tuple((m, tuple(x.shape)) for m, x in self.inputs.items())


def present_inputs(packed: Mapping[str, Any]) -> Dict[str, Tensor]:
    """Inputs of a packed sample without those that only fill a gap."""
    sample = packed.get('data_samples')
    there = {} if sample is None else sample.get('modality_mask', {})
    return {m: x for m, x in packed['inputs'].items() if there.get(m, True)}


def load_arrays(path: str) -> Dict[str, np.ndarray]:
    """Read an npz file of one array a modality."""
    problem = pointer_file(path)
    if problem is not None:
        raise MediaError(path, problem)
    if not os.path.exists(path):
        raise MediaError(path, 'no such file')
    try:
        with np.load(path, allow_pickle=False) as file:
            return {m: file[m] for m in file.files}
    except Exception as error:
        raise ClipError(f'{path} is no npz file of plain arrays: '
                        f'{error}') from error


def to_tensor(name: str, modality: str, value: Any) -> Tensor:
    """One modality of the clip ``name`` as a tensor."""
    if isinstance(value, Tensor):
        return value
    array = np.ascontiguousarray(value) if isinstance(
        value, (np.ndarray, list, tuple, np.generic, int, float)) else None
    if array is None or array.dtype.kind not in 'fiub':
        raise ClipError(f"{name}: '{modality}' is a {type(value).__name__}, "
                        'not an array of numbers')
    return torch.from_numpy(array)
