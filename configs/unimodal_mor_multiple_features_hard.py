# python tools/train.py configs/unimodal_mor_multiple_features_hard.py
_base_ = [
    '_base_/sets/multiple_features_hard.py', '_base_/methods/unimodal.py'
]
model = dict(encoders=dict(_delete_=True, mor=_base_.encoders.mor))
train_dataloader = dict(dataset=dict(modalities=('mor', )))
val_dataloader = test_dataloader = train_dataloader
