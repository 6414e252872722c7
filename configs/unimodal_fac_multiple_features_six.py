# python tools/train.py configs/unimodal_fac_multiple_features_six.py
_base_ = ['_base_/sets/multiple_features_six.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, fac=_base_.encoders.fac))
train_dataloader = dict(dataset=dict(modalities=('fac', )))
val_dataloader = test_dataloader = train_dataloader
