"""Small backbones that OpenMMLab lacks."""
from .cgmnist_net import CGMNISTNet
from .mlp_backbone import MLPBackbone
from .small_conv_net import SmallConvNet

__all__ = ['CGMNISTNet', 'MLPBackbone', 'SmallConvNet']
