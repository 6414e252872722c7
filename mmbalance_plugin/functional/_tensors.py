from typing import Union

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


def unit_rows(values: Tensor) -> Tensor:
    """Bring rows (..., D) to length 1, so that products of them are cosines.

    Rows of zeros stay what they are. Float32 or better.
    """
    return F.normalize(at_least_float32(values), dim=-1, eps=_MIN_NORM)
