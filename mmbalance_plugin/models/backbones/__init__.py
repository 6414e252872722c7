"""Small backbones that OpenMMLab lacks, and those of torchvision."""
from .cgmnist_net import CGMNISTNet
from .mlp_backbone import MLPBackbone
from .small_conv_net import SmallConvNet
from .torchvision_layer import TorchvisionLayer

__all__ = ['CGMNISTNet', 'MLPBackbone', 'SmallConvNet', 'TorchvisionLayer']
