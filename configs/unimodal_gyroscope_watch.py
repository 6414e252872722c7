# python tools/train.py configs/unimodal_gyroscope_watch.py
_base_ = ['_base_/sets/watch.py', '_base_/methods/unimodal.py']
model = dict(encoders=dict(_delete_=True, gyroscope=_base_.encoders.gyroscope))
train_dataloader = dict(dataset=dict(modalities=('gyroscope', )))
val_dataloader = test_dataloader = train_dataloader
