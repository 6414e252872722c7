# python tools/train.py configs/backbones/mmpretrain_clips.py
#
# MMPretrain's ResNet18 for pictures, pretrained.
_base_ = '../multi_loss_clips.py'

model = dict(
    encoders=dict(
        visual=dict(
            backbone=dict(
                _delete_=True,
                type='mmpretrain.ResNet',
                depth=18,
                init_cfg=dict(
                    type='Pretrained',
                    checkpoint='https://download.openmmlab.com/mmclassification'
                    '/v0/resnet/resnet18_8xb32_in1k_20210831-fbbb1da6.pth',
                    prefix='backbone.')))))
