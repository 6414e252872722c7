# python tools/train.py configs/unimodal_fou_multiple_features_hard.py
_base_ = [
    '_base_/sets/multiple_features_hard.py', '_base_/methods/unimodal.py'
]
model = dict(encoders=dict(_delete_=True, fou=_base_.encoders.fou))
train_dataloader = dict(dataset=dict(modalities=('fou', )))
val_dataloader = test_dataloader = train_dataloader
