"""A convolutional network of a few thousand weights."""
from typing import Optional, Sequence, Union

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

NORM = dict(type='BN')
ACT = dict(type='ReLU')


@MODELS.register_module()
class SmallConvNet(BaseModule):
    """3x3 convolutions, each halving the map: for small images and MFCC.

    Args:
        in_channels (int): Channels of the input. Defaults to 1.
        channels (Sequence[int]): Channels of each stage's output. Defaults
            to (16, 32, 64, 64), about 60 thousand weights.
        strides (int | Sequence[int]): Stride of each stage, or of all.
            Defaults to 2.
        norm_cfg (dict, optional): Normalisation after each convolution;
            None leaves it out (then a batch in parts gives the gradient of
            the whole batch). Defaults to ``dict(type='BN')``.
        act_cfg (dict): Activation. Defaults to ``dict(type='ReLU')``.
        init_cfg (dict, optional): See MMEngine's ``BaseModule``. Defaults
            to None: He initialisation.

    Examples:
        >>> net = SmallConvNet(in_channels=1)
        >>> net(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 64, 2, 2])
    """

    def __init__(self,
                 in_channels: int = 1,
                 channels: Sequence[int] = (16, 32, 64, 64),
                 strides: Union[int, Sequence[int]] = 2,
                 norm_cfg: Optional[dict] = NORM,
                 act_cfg: dict = ACT,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if isinstance(strides, int):
            strides = [strides] * len(channels)
        if len(strides) != len(channels) or not channels:
            raise ValueError(f'channels={tuple(channels)} and '
                             f'strides={tuple(strides)}: expected one '
                             'stride for each of one or more stages.')
        stages = []
        for width, stride in zip(channels, strides):
            stages.append(
                ConvModule(
                    in_channels,
                    width,
                    kernel_size=3,
                    stride=stride,
                    padding=1,
                    norm_cfg=norm_cfg,
                    act_cfg=act_cfg))
            in_channels = width
        self.stages = nn.Sequential(*stages)
        self.out_channels = in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the last feature map.

        Args:
            x (Tensor): ``(B, in_channels, H, W)``.

        Returns:
            Tensor: ``(B, channels[-1], H', W')``.
        """
        return self.stages(x)
