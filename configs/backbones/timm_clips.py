# python tools/train.py configs/backbones/timm_clips.py
#
# timm's ResNet18 for pictures and for spectrograms, pretrained.
_base_ = '../multi_loss_clips.py'

# Without a classifier. What the weights expect of pictures (size, mean,
# deviation): timm.data.resolve_model_data_config.
backbone = dict(
    _delete_=True,
    type='timm.create_model',
    model_name='resnet18',
    pretrained=True,
    num_classes=0)
model = dict(
    encoders=dict(
        # The first layer is fitted to spectrograms.
        audio=dict(backbone=dict(**backbone, in_chans=1)),
        visual=dict(backbone=backbone)))
