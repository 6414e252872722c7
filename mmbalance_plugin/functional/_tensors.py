from typing import Union

import torch
from torch import Tensor


def at_least_float32(value: Union[Tensor, float]) -> Tensor:
    """Return ``value`` as a tensor of single precision or better.

    Half precision cannot hold the guards used in this package (1e-12 is
    zero in float16), and integers cannot hold a ratio at all.
    """
    value = torch.as_tensor(value)
    return value.to(torch.promote_types(value.dtype, torch.float32))
