# python tools/train.py configs/unimodal_kar_multiple_features_six.py
_base_ = ['_base_/sets/multiple_features_six.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, kar=_base_.encoders.kar))
train_dataloader = dict(dataset=dict(modalities=('kar', )))
val_dataloader = test_dataloader = train_dataloader
