# python tools/train.py configs/unimodal_pix_multiple_features_six.py
_base_ = ['_base_/sets/multiple_features_six.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, pix=_base_.encoders.pix))
train_dataloader = dict(dataset=dict(modalities=('pix', )))
val_dataloader = test_dataloader = train_dataloader
