# python tools/train.py configs/backbones/torchvision_clips.py
#
# torchvision's ResNet18 for pictures, pretrained.
_base_ = '../multi_loss_clips.py'

model = dict(
    encoders=dict(
        visual=dict(
            backbone=dict(
                _delete_=True,
                type='mmbalance_plugin.TorchvisionLayer',
                name='resnet18',
                layer='layer4',
                weights='DEFAULT'))))
