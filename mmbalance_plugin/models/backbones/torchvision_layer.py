"""Backbones of torchvision."""
from typing import Any

from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS


@MODELS.register_module()
class TorchvisionLayer(nn.Module):
    """What a layer of a torchvision model returns.

    torchvision's models end in a classifier; its feature extractor leaves
    out what comes after the layer.

    Args:
        name (str): Name of the model, such as 'resnet18' or 'r3d_18'.
        layer (str): Name of a node of its graph, such as 'layer4'.
        kwargs: Options of the model: ``weights='DEFAULT'`` are pretrained.
    """

    def __init__(self, name: str, layer: str, **kwargs: Any) -> None:
        super().__init__()
        # Here and not above: it is no requirement.
        from torchvision.models import get_model
        from torchvision.models.feature_extraction import (
            create_feature_extractor,
        )
        self.net = create_feature_extractor(
            get_model(name, **kwargs), {layer: 'output'})

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the model as far as the layer."""
        return self.net(inputs)['output']
