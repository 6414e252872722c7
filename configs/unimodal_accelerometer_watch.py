# python tools/train.py configs/unimodal_accelerometer_watch.py
_base_ = ['_base_/sets/watch.py', '_base_/methods/unimodal.py']
model = dict(
    encoders=dict(
        _delete_=True, accelerometer=_base_.encoders.accelerometer))
train_dataloader = dict(dataset=dict(modalities=('accelerometer', )))
val_dataloader = test_dataloader = train_dataloader
