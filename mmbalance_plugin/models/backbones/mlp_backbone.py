"""A multilayer perceptron for vectors and small maps."""
from typing import List, Optional, Sequence

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

NORM = dict(type='BN1d')
ACT = dict(type='ReLU')
INIT = dict(type='Kaiming', layer='Linear', distribution='normal')


@MODELS.register_module()
class MLPBackbone(BaseModule):
    """Linear layers, each with normalisation, activation and dropout.

    Args:
        in_channels (int): Length of the input vector.
        channels (Sequence[int]): Length of each layer's output. Defaults
            to (64, 64).
        norm_cfg (dict, optional): Normalisation after each linear layer;
            None leaves it out. Defaults to ``dict(type='BN1d')``.
        act_cfg (dict): Activation. Defaults to ``dict(type='ReLU')``.
        dropout (float): Probability of dropping an output of a layer.
            Defaults to 0.
        init_cfg (dict | list, optional): See MMEngine's ``BaseModule``.
            Defaults to He initialisation of the linear layers.

    Examples:
        >>> net = MLPBackbone(in_channels=76)
        >>> net(torch.zeros(2, 76)).shape
        torch.Size([2, 64])
    """

    def __init__(self,
                 in_channels: int,
                 channels: Sequence[int] = (64, 64),
                 norm_cfg: Optional[dict] = NORM,
                 act_cfg: dict = ACT,
                 dropout: float = 0.,
                 init_cfg: Optional[dict] = INIT) -> None:
        super().__init__(init_cfg)
        if not channels:
            raise ValueError('channels=(): expected one or more layers.')
        layers: List[nn.Module] = []
        for width in channels:
            # A bias before a normalisation would be without effect.
            layers.append(nn.Linear(in_channels, width, bias=norm_cfg is None))
            if norm_cfg is not None:
                layers.append(build_norm_layer(norm_cfg, width)[1])
            layers.append(build_activation_layer(act_cfg))
            if dropout:
                layers.append(nn.Dropout(dropout))
            in_channels = width
        self.layers = nn.Sequential(*layers)
        self.out_channels = in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's output.

        Args:
            x (Tensor): ``(B, in_channels)``, or of more dimensions, which
                are taken as one vector.

        Returns:
            Tensor: ``(B, channels[-1])``.
        """
        return self.layers(x.flatten(1))
