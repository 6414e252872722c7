"""Preprocessing of a modality that is no image."""
from typing import List, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS
from mmbalance_plugin.utils.choices import require_choice

Statistics = Optional[Union[float, Sequence[float]]]


@MODELS.register_module()
class StackPreprocessor(nn.Module):
    """Stacks samples to a batch, float32 and optionally standardised.

    Unlike MMAction2's ``ActionDataPreprocessor`` it takes samples of any
    number of dimensions (a batch of vectors stays (B, D)) and never pads.

    Args:
        mean (float | Sequence[float], optional): To be subtracted, one number
            or one a channel. Defaults to None: 0.
        std (float | Sequence[float], optional): To be divided by. Defaults to
            None: 1.
        channel_dim (int, optional): Dimension of a sample that holds the
            channels. Defaults to None: the first one of vectors (D, ) and
            maps (C, H, W), the second one of frames (N, C, H, W) and clips
            (N, C, T, H, W).
        dtype (str, optional): 'int64' leaves integers, such as those of a
            text, what they are. Defaults to None: torch's default, float32.

    Raises:
        ValueError: Statistics that are not finite, or for integers; or a
            batch that does not fit what is above.
    """

    mean: Optional[Tensor]
    std: Optional[Tensor]

    def __init__(self,
                 mean: Statistics = None,
                 std: Statistics = None,
                 channel_dim: Optional[int] = None,
                 dtype: Optional[str] = None) -> None:
        super().__init__()
        require_choice('dtype', dtype, (None, 'int64'))
        if dtype and (mean is not None or std is not None):
            raise ValueError(f"dtype='{dtype}' is for what stands for "
                             'something: it has no mean and no std')
        self.modality: Optional[str] = None
        self.channel_dim = channel_dim
        self.dtype = dtype
        for name, value in (('mean', mean), ('std', std)):
            given = None
            if value is not None:
                given = torch.as_tensor(value, dtype=torch.float32).flatten()
                if not given.isfinite().all() or (name == 'std'
                                                  and (given <= 0).any()):
                    raise ValueError(f'{name} must be finite (and std '
                                     f'positive), but got {given.tolist()}')
            # Part of the config, not of the checkpoint.
            self.register_buffer(name, given, persistent=False)

    def preprocess(self,
                   inputs: Union[Tensor, List[Tensor]],
                   data_samples: Optional[list] = None,
                   training: bool = False) -> Tuple[Tensor, Optional[list]]:
        """Stack, where that is not done yet, and standardise.

        Samples are passed through, and training makes no difference.
        """
        batch = inputs if isinstance(inputs, Tensor) else torch.stack(
            list(inputs))
        if self.dtype:
            if batch.is_floating_point():
                raise ValueError(
                    f"'{self.modality}' is to be {self.dtype}, but its "
                    f'samples are {batch.dtype}, which would be cut')
            return batch.long(), data_samples
        batch = batch.to(torch.get_default_dtype())
        if self.mean is not None:
            batch = batch - self._align(self.mean, batch, 'mean')
        if self.std is not None:
            batch = batch / self._align(self.std, batch, 'std')
        return batch, data_samples

    def _align(self, value: Tensor, batch: Tensor, name: str) -> Tensor:
        if value.numel() == 1:
            return value
        owner = f"{name} of '{self.modality}'" if self.modality else name
        shape = tuple(batch.shape[1:])
        dim = self.channel_dim
        if dim is None:
            if len(shape) not in (1, 3, 4, 5):
                raise ValueError(
                    f'{owner} has {value.numel()} values, but it is not '
                    f'known which dimension of a sample {shape} holds the '
                    'channels; set channel_dim')
            dim = 0 if len(shape) in (1, 3) else 1
        dim %= len(shape)
        if shape[dim] != value.numel():
            raise ValueError(
                f'{owner} has {value.numel()} values, but dimension {dim} of '
                f'a sample of shape {shape} has {shape[dim]}')
        return value.reshape([-1] + [1] * (len(shape) - dim - 1))
