"""Small backbones that OpenMMLab lacks."""
from .mlp_backbone import MLPBackbone
from .small_conv_net import SmallConvNet

__all__ = ['MLPBackbone', 'SmallConvNet']
