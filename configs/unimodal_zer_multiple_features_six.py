# python tools/train.py configs/unimodal_zer_multiple_features_six.py
_base_ = ['_base_/sets/multiple_features_six.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, zer=_base_.encoders.zer))
train_dataloader = dict(dataset=dict(modalities=('zer', )))
val_dataloader = test_dataloader = train_dataloader
