"""The convolutional network that is usual for CGMNIST."""
from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS


@MODELS.register_module()
class CGMNISTNet(BaseModule):
    """Four convolutions of about 66 thousand weights.

    BatchNorm of the input, 5x5 (32), max pooling, 3x3 (32), 3x3 (64) and 3x3
    (64). Pooling and the third convolution halve the map; no convolution
    crops it. An average over the map and a linear layer of 512 channels
    belong to it: ``ModalityEncoder(feat_channels=64, proj_channels=512)``.

    Args:
        in_channels (int): 1 for gray, 3 for colours. Defaults to 1.
        init_cfg (dict, optional): See MMEngine's ``BaseModule``. Defaults
            to None: as PyTorch does.
    """

    out_channels = 64

    def __init__(self,
                 in_channels: int = 1,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, 32, 5, padding=2), nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Return the last feature map.

        Args:
            x (Tensor): ``(B, in_channels, H, W)``.

        Returns:
            Tensor: ``(B, 64, H / 4, W / 4)``, rounded up.
        """
        return self.layers(x)
