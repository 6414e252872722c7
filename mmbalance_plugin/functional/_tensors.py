from typing import Dict, Mapping, Union

import torch
import torch.nn.functional as F
from torch import Tensor

# Shorter rows are divided by this, so that their gradient stays finite.
_MIN_NORM = 1e-6


def at_least_float32(value: Union[Tensor, float]) -> Tensor:
    """Return ``value`` as a tensor of single precision or better.

    Half precision cannot hold the guards used in this package (1e-12 is
    zero in float16), and integers cannot hold a ratio at all.
    """
    value = torch.as_tensor(value)
    return value.to(torch.promote_types(value.dtype, torch.float32))


def ahead_of_others(values: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """By how much each of several numbers is above the mean of the others.

    In float32 or better.
    """
    numbers = {name: at_least_float32(v) for name, v in values.items()}
    total, others = sum(numbers.values()), len(numbers) - 1
    return {name: v - (total - v) / others for name, v in numbers.items()}


def unit_rows(values: Tensor) -> Tensor:
    """Bring rows (..., D) to length 1, so that products of them are cosines.

    Rows of zeros stay what they are. Float32 or better.
    """
    return F.normalize(at_least_float32(values), dim=-1, eps=_MIN_NORM)
